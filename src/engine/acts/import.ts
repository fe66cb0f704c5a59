import type { Volume } from '../../model/cluster.ts';
import type { NodeName, VolumeId } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError, toReport } from '../../model/errors.ts';
import type { FoundContainer, TreeComparison } from '../../model/found-docker.ts';
import type { ImportEvent, ImportedVolume, ImportReport, ImportRequest } from '../docker-imports.ts';
import type { NodeClient } from '../node-client.ts';
import {
  type ActContext,
  type ActsInput,
  cannot,
  explainLost,
  lockNode,
  refuseOthers,
  withContext,
} from './context.ts';

/** A further pass while the containers run is worth its time if the last one copied more than this. */
const largePassBytes = 64 * 1024 * 1024;
const mostPasses = 4;

/** Time to give the old containers back, also after a cancellation. */
const restoreMs = 120_000;

/**
 * Copies Docker volumes into volumes that the node owns then, and stops the containers that used them. Nothing is removed:
 * containers and volumes stay as they are. The volumes have no owner until their content was compared, so nothing can
 * start on a part of it. A failure, or an abort, before that starts the containers again. Run again, it goes on.
 */
export function importDocker(
  input: ActsInput,
  request: ImportRequest,
  onEvent: (event: ImportEvent) => void,
  signal: AbortSignal,
): Promise<ImportReport> {
  const what = `import the containers of "${request.node}"`;
  return withContext(input, what, signal, async (context) => {
    for (const { id } of request.volumes) checkAbsent(context, request.node, id);
    checkSpace(context, request);
    const { client, guarded } = await lockNode(context, request.node, signal);
    try {
      return await run({ context, request, client, onEvent }, guarded);
    } catch (error) {
      throw signal.aborted ? error : explainLost(context, request.node, error);
    }
  });
}

interface Importing {
  readonly context: ActContext;
  readonly request: ImportRequest;
  readonly client: NodeClient;
  readonly onEvent: (event: ImportEvent) => void;
}

/** One volume on its way. */
interface Filling {
  readonly volume: ImportedVolume;
  readonly copy: Volume;
}

/** Throws where another node has the volume or may have it, or this one has it with other content. */
function checkAbsent(context: ActContext, node: NodeName, id: VolumeId): void {
  refuseOthers(context, id);
  for (const [name, seen] of Object.entries(context.state.nodes)) {
    if (seen.status === 'unreachable') {
      const why = `node "${name}" cannot be reached, and may have volume "${id}"`;
      throw cannot(context, why, 'bring it back, or remove it from the files', 'connection-failed');
    }
    const other = seen.facts.volumes.find((one) => one.id === id && (name !== node || !isOurs(one)));
    if (other === undefined) continue;
    const why = `"${name}" has volume "${id}" already, in dataset "${other.dataset}" (role ${other.role})`;
    throw cannot(context, why, 'give the volume another `name:` in the application file', 'volume-conflict');
  }
}

/** What an import has left: filled in part, or filled. */
const isOurs = ({ role, epoch, snapshots }: Volume): boolean =>
  (role === 'incoming' && epoch === 0 && snapshots.length === 0) || (role === 'owner' && epoch === 1);

function checkSpace(context: ActContext, { node }: ImportRequest): void {
  const seen = context.state.nodes[node];
  if (seen === undefined) throw cannot(context, `no file names a node "${node}"`, undefined, 'usage');
}

async function run(importing: Importing, signal: AbortSignal): Promise<ImportReport> {
  const { request, client, onEvent, context } = importing;
  const { containers } = await client.imports.find(signal);
  const running = request.containers.filter(({ id }) => containers.find((one) => one.id === id)?.isRunning === true);
  const fillings: Filling[] = [];
  for (const volume of request.volumes) fillings.push(await prepare(importing, volume, signal));
  const open = fillings.filter(({ copy }) => copy.role === 'incoming');
  if (running.length > 0) await copyInUse(importing, open, signal);
  const stoppedAtMs = context.input.deps.now();
  let isTaken = false;
  try {
    onEvent({ type: 'stage', text: running.length === 0 ? 'no container runs' : `stop ${names(running)}` });
    await client.imports.stop(request.containers, signal);
    const compared = await copyStopped(importing, fillings, signal);
    signal.throwIfAborted();
    // To its end, whatever happens: with some volumes taken, the containers must not run again.
    const ending = AbortSignal.timeout(restoreMs);
    for (const { copy } of open) {
      isTaken = true;
      await take(importing, copy, ending);
    }
    for (const { copy } of open) await client.imports.forget(copy.dataset, ending).catch(() => undefined);
    return {
      volumes: fillings.map(({ volume, copy }, i) => ({
        volume: volume.from.name,
        dataset: copy.dataset,
        files: compared[i]?.files ?? 0,
        comparedBytes: (compared[i]?.bytes ?? 0) + (compared[i]?.knownBytes ?? 0),
      })),
      ...(running.length === 0 ? {} : { stoppedAtMs }),
    };
  } catch (error) {
    throw isTaken ? error : await giveBack(importing, running, error);
  }
}

const names = (containers: readonly FoundContainer[]): string => containers.map(({ name }) => name).join(', ');

/** The dataset of one volume, mounted. One that is the owner's already must be equal: an earlier run has filled it. */
async function prepare(
  { context, client, request }: Importing,
  volume: ImportedVolume,
  signal: AbortSignal,
): Promise<Filling> {
  const find = async () => (await client.volumes.list(signal)).find(({ id }) => id === volume.id);
  const before = await find();
  if (before?.role === 'owner') {
    const user = (await client.containers.list(signal)).find(({ spec }) =>
      spec.mounts.some((one) => one.volume === volume.id),
    );
    if (user !== undefined) {
      const why = `the container "${user.name}" has volume "${volume.id}" already`;
      throw cannot(context, why, `nothing is left to import; \`drover apply\` starts it`, 'volume-conflict');
    }
    if (!before.mounted) await client.volumes.mount(before.dataset, signal);
    return { volume, copy: before };
  }
  const deployment = context.config.name;
  const { name } = context.config.applications[volume.app]?.volumes.find(({ id }) => id === volume.id) ?? {};
  await client.volumes.createIncoming(volume.id, { application: volume.app, deployment, ...defined({ name }) }, signal);
  const copy = await find();
  if (copy !== undefined) return { volume, copy };
  throw cannot(context, `"${request.node}" does not have the dataset that was created`, undefined, 'volume-conflict');
}

/** Passes while the containers run, until little is left; then everything that did not change is compared. */
async function copyInUse(importing: Importing, fillings: readonly Filling[], signal: AbortSignal): Promise<void> {
  const { client, onEvent } = importing;
  let [bytes, ms] = [0, 0];
  for (const filling of fillings) {
    for (let pass = 1; pass <= mostPasses; pass += 1) {
      const done = await copyOnce(importing, filling, `copy ${filling.volume.from.name} while it is in use`, signal);
      if (done.bytes <= largePassBytes || pass === mostPasses) break;
    }
    onEvent({ type: 'stage', text: `compare ${filling.volume.from.name}` });
    await client.imports.compare(filling.volume.from.directory, filling.copy.dataset, 'in-use', signal);
    // One more, small: it is what the last pass will cost.
    const last = await copyOnce(importing, filling, `copy what changed in ${filling.volume.from.name}`, signal);
    bytes += last.bytes;
    ms += 2 * last.ms;
  }
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  const text = `the last pass will take about ${seconds} s, with what changes until then; it copied ${bytes} bytes now`;
  onEvent({ type: 'stage', text });
}

async function copyOnce({ client, onEvent }: Importing, { volume, copy }: Filling, text: string, signal: AbortSignal) {
  onEvent({ type: 'stage', text });
  const progress = (doneBytes: number, totalBytes: number) =>
    onEvent({ type: 'progress', volume: volume.from.name, doneBytes, totalBytes });
  return client.imports.copy(volume.from.directory, copy.dataset, progress, signal);
}

/** The last pass, and the comparison of everything. Throws `volume-conflict` for a difference. */
async function copyStopped(
  importing: Importing,
  fillings: readonly Filling[],
  signal: AbortSignal,
): Promise<readonly TreeComparison[]> {
  const { context, client, onEvent } = importing;
  const compared: TreeComparison[] = [];
  for (const filling of fillings) {
    const { from } = filling.volume;
    if (filling.copy.role === 'incoming') await copyOnce(importing, filling, `copy the rest of ${from.name}`, signal);
    onEvent({ type: 'stage', text: `compare ${from.name} with its copy` });
    const result = await client.imports.compare(from.directory, filling.copy.dataset, 'stopped', signal);
    const [first] = result.differences;
    if (first !== undefined) {
      const why = `the copy of "${from.name}" in "${filling.copy.dataset}" differs: ${first}`;
      throw cannot(
        context,
        why,
        'does another program write to the volume? stop it, and import again',
        'volume-conflict',
      );
    }
    compared.push(result);
  }
  return compared;
}

/** The node owns the volume from now on. */
async function take({ context, client, request }: Importing, copy: Volume, signal: AbortSignal): Promise<void> {
  const seen = context.state.nodes[request.node];
  const owner = seen?.status === 'reachable' ? seen.facts.nodeId : undefined;
  if (owner === undefined) throw cannot(context, `"${request.node}" has no id`, undefined, 'connection-failed');
  await client.volumes.setProperties(copy, { role: 'owner', owner, epoch: 1, record: { epoch: 1, nodes: [] } }, signal);
}

/** Starts again what ran; the error then says so. */
async function giveBack(
  { request, client }: Importing,
  running: readonly FoundContainer[],
  error: unknown,
): Promise<AppError> {
  const { code, message, hint } = toReport(error);
  const before = request.containers.map((one) => ({ ...one, isRunning: running.includes(one) }));
  const said = await client.imports.start(before, AbortSignal.timeout(restoreMs)).then(
    () => (running.length === 0 ? 'the containers are as they were' : `${names(running)} run again`),
    () => `start the old containers yourself: docker start ${running.map(({ name }) => name).join(' ')}`,
  );
  return new AppError(code === 'internal' ? 'docker-failed' : code, `${message}; ${said}`, {
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  });
}
