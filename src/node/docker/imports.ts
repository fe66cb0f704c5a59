import type { DockerImports } from '../../engine/docker-imports.ts';
import type { RestartPolicy } from '../../model/container/fields.ts';
import { AppError } from '../../model/errors.ts';
import type { FoundContainer } from '../../model/found-docker.ts';
import { type CommandResult, commandFailed, scriptInput } from '../command.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { checkDataset } from '../zfs/names.ts';
import { exits } from '../zfs/scripts.ts';
import { createDockerApi, statusOf } from './api.ts';
import * as scripts from './copy-scripts.ts';
import { findDocker } from './found.ts';
import { createLineReader } from './streams.ts';

/** A volume may have terabytes: a pass ends by itself, or because the person cancels it. */
const longMs = 20 * 24 * 3_600_000;
/** Docker's grace for a container that has none of its own, in milliseconds. */
const defaultGraceMs = 10_000;
const lineBytes = 64 * 1024;

/** Takes over what a node's Docker has. `root`: the datasets that may be written to are below it. */
export function createDockerImports(connection: NodeConnection, root: string, readMs?: number): DockerImports {
  const { node } = connection;
  const api = createDockerApi(connection, readMs);
  const script = async (text: string, args: readonly string[], signal: AbortSignal): Promise<string> => {
    const okCodes = [0, exits.conflict, exits.gone];
    const result = await connection.script(text, args, { signal, timeoutMs: longMs, okCodes });
    return checked(node, args, result).stdout;
  };
  const request = (container: FoundContainer, verb: string, path: string) => ({
    what: `${verb} "${container.name}"`,
    method: 'POST' as const,
    path: `/containers/${encodeURIComponent(container.id)}${path}`,
  });
  const setPolicy = (container: FoundContainer, policy: RestartPolicy, signal: AbortSignal) =>
    api.json(
      { ...request(container, 'change the restart policy of', '/update'), body: { RestartPolicy: policyBody(policy) } },
      signal,
    );
  return {
    find: (signal) => findDocker(api, signal),
    async measure(directory, signal) {
      const began = performance.now();
      const [bytes = 0, files = 0] = numbers(await script(scripts.measureScript, [directory], signal));
      return { bytes, files, ms: Math.round(performance.now() - began) };
    },
    async copy(directory, dataset, progress, signal) {
      const began = performance.now();
      const args = [directory, checkDataset(dataset, root)];
      let total = [0, 0, 0];
      await runLines(connection, scripts.copyScript, args, signal, (line) => {
        const [word, ...rest] = line.split(' ');
        if (word === 'total') total = rest.map(Number);
        else if (word === 'at') progress(Math.min(Number(rest[0]), total[1] ?? 0), total[1] ?? 0);
      });
      const [copied = 0, bytes = 0, removed = 0] = total;
      return { copied, bytes, removed, ms: Math.round(performance.now() - began) };
    },
    async compare(directory, dataset, how, signal) {
      const began = performance.now();
      const out = await script(scripts.compareScript, [directory, checkDataset(dataset, root), how], signal);
      const [first = '', ...differences] = out.trimEnd().split('\n');
      const [files = 0, bytes = 0, knownBytes = 0] = numbers(first);
      return { files, bytes, knownBytes, differences, ms: Math.round(performance.now() - began) };
    },
    async forget(dataset, signal) {
      await script(scripts.forgetScript, [checkDataset(dataset, root)], signal);
    },
    async stop(containers, signal) {
      for (const container of containers) await setPolicy(container, { name: 'never' }, signal);
      await Promise.all(
        containers.map((container) =>
          // 304: it was stopped already.
          api.json(
            { ...request(container, 'stop', '/stop'), okStatus: [304], timeoutMs: graceOf(container) + 60_000 },
            signal,
          ),
        ),
      ).catch((error: unknown) => {
        if (statusOf(error) !== 304) throw error;
      });
    },
    async start(containers, signal) {
      for (const container of containers) {
        await setPolicy(container, container.restart, signal);
        if (container.isRunning) await api.json({ ...request(container, 'start', '/start'), okStatus: [304] }, signal);
      }
    },
  };
}

const numbers = (text: string): readonly number[] => text.trim().split(/\s+/).map(Number);

function graceOf({ settings }: FoundContainer): number {
  const seconds = Number(/^(\d+)s$/.exec(String(settings.stop_grace_period ?? ''))?.[1] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : defaultGraceMs;
}

const policyBody = (policy: RestartPolicy) => ({
  Name: policy.name === 'never' ? 'no' : policy.name,
  MaximumRetryCount: policy.name === 'on-failure' ? (policy.maximumRetryCount ?? 0) : 0,
});

/** Throws for the exit codes with a meaning. */
function checked(
  node: string,
  [directory = '', dataset = '']: readonly string[],
  result: CommandResult,
): CommandResult {
  if (result.code === exits.gone) {
    throw new AppError('docker-failed', `cannot copy "${directory}" on "${node}": there is no such directory`);
  }
  if (result.code === exits.conflict) {
    throw new AppError('volume-conflict', `cannot use dataset "${dataset}" on "${node}": it is not mounted`);
  }
  return result;
}

/** Runs a script whose lines are read as they come. */
async function runLines(
  connection: NodeConnection,
  script: string,
  args: readonly string[],
  signal: AbortSignal,
  onLine: (line: string) => void,
): Promise<void> {
  const argv = ['bash', '-s', '--', ...args] as const;
  const command = await connection.spawn(argv, signal);
  command.stderr.resume();
  command.stdin.end(scriptInput(script));
  const reader = createLineReader(lineBytes);
  for await (const chunk of command.stdout) reader.push(chunk).forEach((line) => void onLine(line));
  reader.end().forEach((line) => void onLine(line));
  const { code, stderrTail } = await command.done;
  if (signal.aborted) throw new AppError('cancelled', `cannot finish the copy on "${connection.node}": cancelled`);
  if (code === 0) return;
  checked(connection.node, args, { stdout: '', stderr: stderrTail, code });
  throw commandFailed(connection.node, ['tar', ...args], code, stderrTail);
}
