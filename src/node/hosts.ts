import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { Host } from '../engine/host.ts';
import type { NodeClient } from '../engine/node-client.ts';
import type { NodeName, NodeSettings, Settings } from '../model/config.ts';
import { AppError, toReport } from '../model/errors.ts';
import { runIdOf } from '../model/history.ts';
import { setUpLineBytes, setUpLines } from '../model/limits.ts';
import type { EmptyDisk } from '../model/provisioning.ts';
import { scriptInput } from './command.ts';
import { createNodeClient, meshAddressOf } from './connect.ts';
import { createDockerImports } from './docker/imports.ts';
import { createLineReader } from './docker/streams.ts';
import { at, listAt, parseJson, textAt } from './json.ts';
import { type ConnectOptions, connect, type NodeConnection } from './ssh/connection.ts';
import { acceptHostKey } from './ssh/trust.ts';

/** Connects to a host, whether or not any file names it. Throws what `connect` throws. */
export async function openHost(
  node: NodeName,
  nodeSettings: NodeSettings,
  settings: Settings,
  scriptPath: string,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Host> {
  const { connectMs, commandMs } = settings.timeouts;
  const connection = await connect(node, nodeSettings, { connectMs, commandMs, ...options }, signal);
  const client = (): NodeClient =>
    createNodeClient(connection, settings, meshAddressOf(node, nodeSettings, connection));
  return {
    address: connection.remote.address,
    user: connection.remote.user,
    hostname: async (stop) => (await connection.run(['uname', '-n'], { signal: stop })).stdout.trim(),
    setUp: async (args, onLine, stop) => runScript(connection, await readFile(scriptPath, 'utf8'), args, onLine, stop),
    emptyDisks: (stop) => findEmptyDisks(connection, stop),
    observe: (stop) => client().observe(stop),
    imports: createDockerImports(connection, `${settings.pool}/${settings.datasetRoot}`, commandMs),
    forgetPeers: (addresses, stop) => forgetPeers(client(), addresses, stop),
    close: () => connection.close(),
  };
}

async function forgetPeers(client: NodeClient, addresses: readonly string[], signal: AbortSignal): Promise<void> {
  try {
    await client.volumes.list(signal);
  } catch (error) {
    // A host that never became a node has no peers to forget.
    if (error instanceof AppError && error.details?.dataset !== undefined) return;
    throw error;
  }
  const note = { run: runIdOf(Date.now()), deployment: '-', verb: 'node remove' };
  const lock = await client.mutex.acquire({ owner: 'drover node remove', note }, signal);
  try {
    const table = await client.network.read(signal);
    const peers = table.peers.filter((address) => !addresses.includes(address));
    if (peers.length < table.peers.length) await client.network.replace({ ...table, peers }, [], signal);
    const { boot } = await client.observe(signal);
    const rest = boot?.peers.filter(({ address }) => !addresses.includes(address)) ?? [];
    if (boot !== undefined && rest.length < boot.peers.length) {
      const { alone, gone } = boot;
      await client.network.setBootRules({ alone, peers: rest, ...(gone === undefined ? {} : { gone }) }, signal);
    }
  } finally {
    await lock.release('done');
  }
}

async function runScript(
  connection: NodeConnection,
  script: string,
  args: readonly string[],
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<{ readonly code: number; readonly stderr: string }> {
  // Not the caller's signal: it would kill the script, and a half-installed package is worse than a short wait. A script
  // whose output is no longer read ends after its current step.
  const command = await connection.spawn(
    ['bash', '--norc', '-s', '--', ...args, '--lines'],
    new AbortController().signal,
  );
  const leave = (): void => void connection.close();
  signal.addEventListener('abort', leave, { once: true });
  try {
    if (signal.aborted) leave();
    const printed = readLines(connection.node, command.stdout, onLine);
    // Awaited below, after the command was given its input.
    printed.catch(() => undefined);
    command.stderr.resume();
    command.stdin.end(scriptInput(script));
    const [{ code, stderrTail }] = await Promise.all([command.done, until(printed, signal)]);
    return { code, stderr: stderrTail };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new AppError('cancelled', `cannot finish on "${connection.node}": cancelled`, {
      hint: 'the host finishes its current step and then stops; run the same command again to go on from there',
      cause: error,
    });
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** Passes each line on. Throws `command-failed` for more lines, or longer ones, than the script can print. */
async function readLines(node: string, output: Readable, onLine: (line: string) => void): Promise<void> {
  const reader = createLineReader(setUpLineBytes);
  let count = 0;
  const take = (lines: readonly string[]): void => {
    count += lines.length;
    if (count > setUpLines) {
      output.destroy();
      throw new AppError('command-failed', `cannot set up "${node}": it printed more than ${setUpLines} lines`);
    }
    lines.forEach((line) => void onLine(line));
  };
  for await (const chunk of output) take(reader.push(chunk));
  take(reader.end());
}

/** The promise, or the signal's reason as soon as it aborts. */
function until<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener('abort', leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

/** First contact with a host: tries to connect. Where the key is unknown, the error has its fingerprint. */
export async function askKey(
  node: NodeName,
  settings: NodeSettings,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<
  | { readonly known: true }
  | { readonly known: false; readonly fingerprint: string; readonly type: string; accept(): Promise<string> }
> {
  try {
    await (await connect(node, settings, options, signal)).close();
    return { known: true };
  } catch (error) {
    const { code, details } = toReport(error);
    if (code !== 'host-key-unknown' || details === undefined) throw error;
    const fingerprint = String(details.fingerprint);
    const accept = async (): Promise<string> => {
      const { file } = await acceptHostKey(node, settings, fingerprint, options, signal);
      if (file === undefined)
        throw new AppError('host-key-changed', `cannot trust "${node}": its key changed in the meantime`);
      return file;
    };
    return { known: false, fingerprint, type: String(details.keyType), accept };
  }
}

const diskColumns = 'PATH,TYPE,SIZE,RO,FSTYPE,PTTYPE,MOUNTPOINT,MODEL';
/** OpenZFS refuses smaller devices (SPA_MINDEVSIZE). */
const smallestDiskBytes = 64 * 1024 * 1024;

/** Disks without any content. Changes nothing. */
async function findEmptyDisks(connection: NodeConnection, signal: AbortSignal): Promise<readonly EmptyDisk[]> {
  // --tree lists partitions below their disks, whatever the columns.
  const argv = ['lsblk', '--json', '--bytes', '--tree=PATH', '--output', diskColumns] as const;
  return parseDisks((await connection.run(argv, { signal })).stdout);
}

/** Whole disks without partition, filesystem or mount, from `lsblk --json --bytes --tree`. */
export function parseDisks(json: string): readonly EmptyDisk[] {
  return listAt(parseJson(json), 'blockdevices').flatMap((device) => {
    const path = textAt(device, 'path');
    const sizeBytes = Number(at(device, 'size'));
    const holds = ['fstype', 'pttype', 'mountpoint'].some((key) => (textAt(device, key) ?? '') !== '');
    const isPart = textAt(device, 'type') !== 'disk' || [true, 1, '1'].some((yes) => at(device, 'ro') === yes);
    if (path === undefined || isPart || holds || !(sizeBytes >= smallestDiskBytes)) return [];
    if (listAt(device, 'children').length > 0) return [];
    const model = textAt(device, 'model')?.trim() ?? '';
    return [{ path, sizeBytes, ...(model === '' ? {} : { model }) }];
  });
}
