import { isActive } from '../../model/cluster.ts';
import { type AppName, nodeOf } from '../../model/config.ts';
import { toReport } from '../../model/errors.ts';
import { sharersOf } from '../../model/shared-volumes.ts';
import type { ExecOptions, ExecSession, NodeClient } from '../node-client.ts';
import { type HookContext, runPostStart, runPreStop } from '../run/hooks.ts';
import { bindsAll, checkUnused, stopGraceMs } from '../run/perform-container.ts';
import type { Acts } from '../types.ts';
import {
  type ActContext,
  type ActsInput,
  cannot,
  explainLost,
  findSeat,
  lockNode,
  type Seat,
  withContext,
} from './context.ts';
import { failOver } from './failover.ts';
import { reclaimVolumes } from './reclaim.ts';
import { reseed } from './reseed.ts';
import { rollBack } from './roll-back.ts';
import { cloneSnapshot, snapshotVolumes } from './snapshots.ts';

/** What a person does to an application outside of the plan. */
export function createActs(input: ActsInput): Acts {
  const reported = async <T>(act: string, work: () => Promise<T>): Promise<T> => {
    try {
      const result = await work();
      input.emit({ type: 'act-finished', act });
      return result;
    } catch (error) {
      input.emit({ type: 'act-finished', act, error: toReport(error) });
      throw error;
    }
  };
  const act = <T>(what: string, signal: AbortSignal, work: (context: ActContext) => Promise<T>): Promise<T> =>
    reported(what, () => withContext(input, what, signal, work));
  return {
    restart: (app, signal) =>
      act(`restart "${app}"`, signal, async (context) => {
        await onSeat(context, app, signal, async (client, seat, guarded) => {
          await checkVolumes(context, client, seat, guarded);
          await stopApp(context, client, app, guarded);
          await startApp(context, client, app, guarded);
        });
        input.resumeApp(app);
      }),
    stop: (app, signal) =>
      act(`stop "${app}"`, signal, (context) =>
        onSeat(context, app, signal, async (client, _seat, guarded) => {
          // Before Docker reports the exit, so that `watch` does not start the application again.
          input.pauseApp(app);
          try {
            await stopApp(context, client, app, guarded);
          } catch (error) {
            input.resumeApp(app);
            throw error;
          }
        }),
      ),
    start: (app, signal) =>
      act(`start "${app}"`, signal, async (context) => {
        checkWanted(context, app, findSeat(context, app));
        await onSeat(context, app, signal, async (client, seat, guarded) => {
          await checkVolumes(context, client, seat, guarded);
          await startApp(context, client, app, guarded);
        });
        input.resumeApp(app);
      }),
    snapshot: (app, name, signal) =>
      act(`snapshot the volumes of "${app}"`, signal, (context) => snapshotVolumes(context, app, name, signal)),
    cloneSnapshot: (snapshot, signal) =>
      act(`clone "${snapshot.dataset}@${snapshot.snapshot}"`, signal, (context) =>
        cloneSnapshot(context, snapshot, signal),
      ),
    rollBack: (app, snapshot, signal) =>
      act(`roll "${app}" back to "${snapshot.snapshot}"`, signal, async (context) => {
        const kept = await rollBack(context, app, snapshot, signal);
        input.resumeApp(app);
        return kept;
      }),
    ...createLossActs(act),
    zfs: async (node, signal) => {
      const client = await input.clusterOf(await input.config()).node(node, signal);
      return client.volumes.details(signal);
    },
    exec: (app, options, signal) => exec(input, app, options, signal),
  };
}

type RunAct = <T>(what: string, signal: AbortSignal, work: (context: ActContext) => Promise<T>) => Promise<T>;

/** What a person does after the loss of a node. */
function createLossActs(act: RunAct): Pick<Acts, 'reclaim' | 'failOver' | 'reseed'> {
  return {
    reclaim: (app, node, signal) =>
      act(`reclaim the volumes of "${app}" on "${node}"`, signal, (context) =>
        reclaimVolumes(context, app, node, signal),
      ),
    failOver: (request, signal) =>
      act(`fail "${request.app}" over`, signal, (context) => failOver(context, request, signal)),
    reseed: (app, node, signal) =>
      act(`reseed the volumes of "${app}" on "${node}"`, signal, (context) => reseed(context, app, node, signal)),
  };
}

/** An act has no log: a hook that fails before a stop changes nothing, one after a start fails the act. */
const hooksOf = ({ config, input }: ActContext): HookContext => ({
  config,
  sleep: input.deps.sleep,
  report: () => undefined,
});

async function stopApp(context: ActContext, client: NodeClient, app: AppName, signal: AbortSignal): Promise<void> {
  await runPreStop(client, app, hooksOf(context), signal);
  await client.containers.stop(app, stopGraceMs(context, { app, node: client.node }), signal);
}

async function startApp(context: ActContext, client: NodeClient, app: AppName, signal: AbortSignal): Promise<void> {
  await client.containers.start(app, signal);
  await runPostStart(client, app, hooksOf(context), signal);
}

async function onSeat(
  context: ActContext,
  app: AppName,
  signal: AbortSignal,
  work: (client: NodeClient, seat: Seat, guarded: AbortSignal) => Promise<void>,
): Promise<void> {
  const seat = findSeat(context, app);
  const { client, guarded } = await lockNode(context, seat.node, signal);
  try {
    await work(client, seat, guarded);
  } catch (error) {
    throw signal.aborted ? error : explainLost(context, seat.node, error);
  }
}

/** Only a container in its place may be started; the plan moves the others. */
function checkWanted(context: ActContext, app: AppName, { node }: Seat): void {
  const wanted = nodeOf(context.config, app);
  if (wanted === node) return;
  const where = wanted === undefined ? 'the files place it nowhere' : `the files place it on "${wanted}"`;
  throw cannot(context, `its container is on "${node}", and ${where}`, 'run `drover apply`');
}

/** The last guard against a second writer: reads each volume, which this node must own and have mounted. */
async function checkVolumes(
  context: ActContext,
  client: NodeClient,
  { facts, container }: Seat,
  signal: AbortSignal,
): Promise<void> {
  if (container.spec.mounts.length === 0) return;
  const [volumes, containers] = await Promise.all([client.volumes.list(signal), client.containers.list(signal)]);
  checkUnused(containers, container.spec, client.node, sharersOf(context.config, container.spec.application));
  for (const { volume: id } of container.spec.mounts) {
    const copy = volumes.find((one) => one.id === id && one.role === 'owner' && one.owner === facts.nodeId);
    if (copy?.mounted === true) {
      if (bindsAll(container, { [id]: await client.volumes.directory(copy.dataset, signal) })) continue;
      throw cannot(context, `dataset "${copy.dataset}" has been renamed`, 'run `drover apply`', 'volume-conflict');
    }
    const why = copy === undefined ? `"${client.node}" does not own volume "${id}"` : `volume "${id}" is not mounted`;
    throw cannot(context, why, 'run `drover apply`', 'volume-conflict');
  }
}

/** Takes no lock, because it may last for hours and changes nothing that drover manages. */
async function exec(input: ActsInput, app: AppName, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
  const program = options.command?.[0] ?? 'a shell';
  const what = `run ${options.command === undefined ? program : `"${program}"`} in "${app}"`;
  try {
    const session = await withContext(input, what, signal, async (context) => {
      const { node, container } = findSeat(context, app);
      if (!isActive(container)) throw cannot(context, `it does not run on "${node}"`, `start it: drover start ${app}`);
      return (await context.cluster.node(node, signal)).containers.exec(app, options, signal);
    });
    session.ended.then(
      () => input.emit({ type: 'act-finished', act: what }),
      (error: unknown) => input.emit({ type: 'act-finished', act: what, error: toReport(error) }),
    );
    return session;
  } catch (error) {
    input.emit({ type: 'act-finished', act: what, error: toReport(error) });
    throw error;
  }
}
