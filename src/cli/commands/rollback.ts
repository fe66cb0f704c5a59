import type { Engine, SnapshotRef } from '../../engine/types.ts';
import type { AppName, Config } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { listNames, nodeTitle } from '../../view/wording.ts';
import { actOn, tell, withConfig } from '../act-on.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { type Invocation, requireApplication, withEngine } from '../invocation.ts';

/** The application goes on with a snapshot's content; asks for its name first. */
export const rollback = (invocation: Invocation, word: string, name: string): Promise<ExitCode> =>
  withConfig(invocation, async (config) => {
    const app = requireApplication(config, word);
    const told = await withEngine(invocation, 'gentle', async (engine, _files, { hard }) => {
      const ref = await findSnapshot(engine, config, app, name, hard);
      await confirm(invocation, config, app, ref);
      const kept = await engine.acts.rollBack(app, ref, hard);
      const text = `✔ "${app}" goes on with ${fullName(ref)}\n  what was there is kept as ${kept} on ${nodeTitle(config, ref.node)}`;
      return { text, data: { app, snapshot: ref, kept } };
    });
    tell(invocation, told);
    return exitCode.done;
  });

/** A dataset with the snapshot's content, beside the volume. */
export const clone = (invocation: Invocation, word: string, name: string): Promise<ExitCode> =>
  withConfig(invocation, (config) =>
    actOn(invocation, word, async (engine, app, signal) => {
      const ref = await findSnapshot(engine, config, app, name, signal);
      const dataset = await engine.acts.cloneSnapshot(ref, signal);
      const how = `mount it there with \`zfs mount ${dataset}\``;
      return { text: `✔ ${dataset} on ${nodeTitle(config, ref.node)}; ${how}`, data: { snapshot: ref, dataset } };
    }),
  );

async function confirm(
  { world: { terminal }, options }: Invocation,
  config: Config,
  app: AppName,
  ref: SnapshotRef,
): Promise<void> {
  if (options.yes) return;
  const refusal = new AppError('usage', `cannot roll "${app}" back: nobody confirmed it`, {
    hint: 'answer with the name of the application, or give --yes',
  });
  if (terminal.ask === undefined || options.json) throw refusal;
  const question = `"${app}" stops, and goes on with ${fullName(ref)} on ${nodeTitle(config, ref.node)}.
What it has written since is kept in a dataset beside it, and not used any more.
Type its name to go on: `;
  if ((await terminal.ask(question)).trim() !== app) throw refusal;
}

const fullName = ({ dataset, snapshot }: SnapshotRef): string => `${dataset}@${snapshot}`;

/** `DATASET@NAME`, or the name with or without its `user-`: of the application's volumes, those in force first. */
async function findSnapshot(
  engine: Engine,
  config: Config,
  app: AppName,
  word: string,
  signal: AbortSignal,
): Promise<SnapshotRef> {
  const seen = await engine.observe(signal);
  if (!seen.ok) throw new AppError('usage', 'cannot read the files: they changed meanwhile');
  const ids = config.applications[app]?.volumes.map(({ id }) => id) ?? [];
  const all = Object.entries(seen.state.nodes).flatMap(([node, state]) =>
    (state.status === 'reachable' ? state.facts.volumes : [])
      .filter(({ id }) => ids.some((own) => id === own || id.startsWith(`${own}-before-`)))
      .flatMap(({ id, dataset, role, snapshots }) =>
        snapshots.map(({ name }) => ({ node, volume: id, dataset, snapshot: name, isOwner: role === 'owner' })),
      ),
  );
  const fits = all.filter((one) => [fullName(one), one.snapshot, one.snapshot.replace(/^user-/, '')].includes(word));
  const owned = fits.filter(({ isOwner }) => isOwner);
  const [found, another] = owned.length > 0 ? owned : fits;
  if (found !== undefined && another === undefined) {
    const { isOwner: _isOwner, ...ref } = found;
    return ref;
  }
  if (found !== undefined) {
    throw new AppError('usage', `cannot tell which snapshot "${word}" of "${app}" is meant`, {
      hint: `choose one of ${listNames(fits.map(fullName))}`,
    });
  }
  throw new AppError('usage', `cannot find snapshot "${word}" of "${app}": no node that can be reached has it`, {
    hint: `see \`drover volumes ${app}\``,
  });
}
