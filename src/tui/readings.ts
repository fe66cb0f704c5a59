import type { Effect, UiState } from './state.ts';

/** Whatever opened or closed an overlay: what it shows is read while it is there, and not longer. */
export function readingOf(before: UiState, after: UiState, wanted: readonly Effect[]): readonly Effect[] {
  if (before.overlays === after.overlays) return [];
  const logsBefore = logsOf(before);
  const logsAfter = logsOf(after);
  const effects: Effect[] = [];
  if (logsBefore !== undefined && logsBefore !== logsAfter) effects.push({ type: 'end-logs' });
  if (logsAfter !== undefined && logsBefore !== logsAfter) effects.push({ type: 'read-logs', apps: logsAfter });
  const zfs = after.overlays.find((each) => each.kind === 'zfs');
  const zfsBefore = before.overlays.find((each) => each.kind === 'zfs');
  if (zfs !== undefined && zfs.node !== zfsBefore?.node) effects.push({ type: 'read-zfs', node: zfs.node });
  const hasHistory = ({ overlays }: UiState): boolean => overlays.some(({ kind }) => kind === 'history');
  if (hasHistory(after) && !hasHistory(before)) effects.push({ type: 'read-history' });
  return effects.filter((effect) => !wanted.some((each) => each.type === effect.type));
}

/** By identity: a state that only got lines keeps its list of applications. */
const logsOf = ({ overlays }: UiState) => overlays.find((each) => each.kind === 'logs')?.apps;
