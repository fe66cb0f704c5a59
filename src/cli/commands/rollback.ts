import type { Engine, SnapshotRef } from '../../engine/types.ts';
import { freshFacts } from '../../model/cluster.ts';
import type { AppName, Config, VolumeId } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { listNames, nodeTitle } from '../../view/wording.ts';
import { actOn, printResult } from '../act-on.ts';
import { type Confirmation, confirm, typeItsName } from '../confirm.ts';
import type { ExitCode } from '../exit-code.ts';
import { configOf, type Invocation, requireApplication, withEngine } from '../invocation.ts';
import { printed } from '../style.ts';

/** Rolls all volumes of an application back to a snapshot; asks for the name of the application first. */
export async function rollback(invocation: Invocation, word: string, name: string): Promise<ExitCode> {
  const config = await configOf(invocation);
  const app = requireApplication(config, word);
  const result = await withEngine(invocation, 'gentle', async (engine, _files, { hard }) => {
    const refs = await findSnapshots(engine, app, name, hard);
    const [ref] = refs;
    await confirm(invocation, questionOf(config, app, refs));
    const kept = await engine.acts.rollBack(app, ref, hard);
    const where = nodeTitle(config, ref.node);
    const text = [
      `✔ "${app}" was rolled back to ${nameOf(refs)}`,
      `  its previous data is kept in ${kept.join(', ')} on ${where}`,
    ];
    return { text, data: { app, snapshot: ref, kept } };
  });
  return printResult(invocation, result);
}

/** Creates datasets from a snapshot, next to the volumes. */
export async function clone(invocation: Invocation, word: string, name: string): Promise<ExitCode> {
  const config = await configOf(invocation);
  return actOn(invocation, word, async (engine, app, signal) => {
    const refs = await findSnapshots(engine, app, name, signal);
    const texts: string[] = [];
    const datasets: string[] = [];
    for (const ref of refs) {
      const dataset = await engine.acts.cloneSnapshot(ref, signal);
      const how = `mount it there with \`zfs mount ${dataset}\``;
      texts.push(`✔ ${dataset} on ${nodeTitle(config, ref.node)}; ${how}`);
      datasets.push(dataset);
    }
    const [snapshot] = refs;
    return { text: texts, data: { snapshot, dataset: datasets[0], datasets } };
  });
}

/** One for each volume; at least one. */
type Refs = readonly [SnapshotRef, ...SnapshotRef[]];

function questionOf(config: Config, app: AppName, refs: Refs): Confirmation {
  const others = (config.applications[app]?.volumes.length ?? 1) > 1 ? ', in all of its volumes,' : '';
  const question = printed`"${app}" stops, returns to ${nameOf(refs)}${others} on ${nodeTitle(config, refs[0].node)}, and starts again.
Its present data is kept in another dataset, which it no longer uses.
Type the name of the application to continue: `;
  return { question, word: app, what: `roll back "${app}"`, hint: typeItsName };
}

const fullName = ({ dataset, snapshot }: SnapshotRef): string => `${dataset}@${snapshot}`;
const nameOf = (refs: Refs): string => refs.map(fullName).join(', ');

interface Found extends SnapshotRef {
  /** What all volumes that were put aside together have in common: empty for those in force. */
  readonly generation: string;
  readonly own: VolumeId;
}

/**
 * `DATASET@NAME`, or the name with or without its `user-`: one snapshot of the application, of each of its volumes that
 * has it. Volumes in force come first, then what they were before a roll-back.
 */
async function findSnapshots(engine: Engine, app: AppName, word: string, signal: AbortSignal): Promise<Refs> {
  const seen = await engine.observe(signal);
  if (!seen.ok) throw new AppError('usage', 'cannot read the files: they changed in the meantime');
  const ids = seen.config.applications[app]?.volumes.map(({ id }) => id) ?? [];
  const all = Object.entries(seen.state.nodes).flatMap(([node, state]) =>
    (freshFacts(state)?.volumes ?? []).flatMap(({ id, dataset, role, snapshots }) => {
      const own = ids.find((one) => id === one || id.startsWith(`${one}-before-`));
      if (own === undefined) return [];
      const found = { node, volume: id, dataset, own, generation: id.slice(own.length), isOwner: role === 'owner' };
      return snapshots.map(({ name }) => ({ ...found, snapshot: name }));
    }),
  );
  const fits = all.filter((one) => [fullName(one), one.snapshot, one.snapshot.replace(/^user-/, '')].includes(word));
  const owned = fits.filter(({ isOwner }) => isOwner);
  const chosen = owned.length > 0 ? owned : fits;
  const [first, ...rest] = chosen;
  if (first === undefined) {
    throw new AppError('usage', `cannot find snapshot "${word}" of "${app}": no node that can be reached has it`, {
      hint: `see \`drover volumes ${app}\``,
    });
  }
  if (rest.some((one, index) => !belongs(first, one) || rest.slice(0, index).some(({ own }) => own === one.own))) {
    throw new AppError('usage', `snapshot "${word}" of "${app}" is ambiguous`, {
      hint: `choose one of ${listNames(fits.map(fullName))}`,
    });
  }
  return [refOf(first), ...rest.map(refOf)];
}

/** The same snapshot, of another volume. */
const belongs = (one: Found, other: Found): boolean =>
  one.own !== other.own &&
  one.node === other.node &&
  one.generation === other.generation &&
  one.snapshot === other.snapshot;

const refOf = ({ node, volume, dataset, snapshot }: Found): SnapshotRef => ({ node, volume, dataset, snapshot });
