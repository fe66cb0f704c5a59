import { partOf, partTakes, type Registry, screenTakes, selectionActions, topOf } from '../routing.ts';
import type { ScreenInput } from '../screen.ts';
import { type ActionId, infoOf } from './actions.ts';
import { selectionReason } from './selection.ts';

/** True where the part with the keys, or the screen, takes it now. */
export function isTaken({ ui }: ScreenInput, registry: Registry, action: ActionId): boolean {
  return partTakes(ui, registry).includes(action) || screenTakes(ui, registry).includes(action);
}

/** Why an action is disabled now, for footer, help, palette and notice; undefined where it is enabled. */
export function disabledReason(input: ScreenInput, registry: Registry, action: ActionId): string | undefined {
  if (input.about.isReadOnly && infoOf(action)?.changes === true) return 'read-only';
  const top = topOf(input.ui);
  if (top !== undefined) {
    const part = partOf(registry, top);
    if (part.actions.includes(action)) return part.disabledReason?.(input, top, action);
  } else {
    const part = registry.panes[input.ui.focus];
    const reason = part.actions.includes(action) ? part.disabledReason?.(input, input.ui, action) : undefined;
    if (reason !== undefined) return reason;
    if (selectionActions.includes(action)) return selectionReason(input, action);
  }
  return screenReason(input, action);
}

function screenReason(input: ScreenInput, action: ActionId): string | undefined {
  const { view, ui } = input;
  if (action === 'cancel') return view.running ? undefined : 'no run is in progress';
  if (action === 'clear-marks') return ui.marks.size > 0 ? undefined : 'no application is marked';
  if (action === 'guide-do' || action === 'guide-next' || action === 'guide-back') return guideReason(input, action);
  if (action === 'undo') return view.running ? 'a run is in progress' : undefined;
  return undefined;
}

function guideReason({ guide }: ScreenInput, action: ActionId): string | undefined {
  if (guide?.doing.at(-1)?.state === 'running') return 'the step is running';
  if (action === 'guide-do') return guide?.over === undefined ? undefined : 'this step is done';
  if (action === 'guide-back') return guide?.step.number === 1 ? 'this is the first step' : undefined;
  return guide?.step.number === guide?.step.of ? 'this is the last step' : undefined;
}

/** The first of these actions that something takes now; the part with the keys comes before the screen. */
export function firstTaken(
  candidates: readonly ActionId[],
  ui: ScreenInput['ui'],
  registry: Registry,
): ActionId | undefined {
  const mine = partTakes(ui, registry);
  const screens = screenTakes(ui, registry);
  return candidates.find((action) => mine.includes(action)) ?? candidates.find((action) => screens.includes(action));
}
