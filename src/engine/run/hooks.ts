import type { Readable } from 'node:stream';
import type { AppName, Config, Hook } from '../../model/config.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import { shownLineCharacters } from '../../model/limits.ts';
import { plainLines, plainText } from '../../model/plain-text.ts';
import type { NodeClient } from '../node-client.ts';
import type { RunContext, StepContext } from './step-context.ts';

/** What hooks need besides their node. */
export interface HookContext extends Pick<RunContext, 'sleep'> {
  readonly config: Config;
  /** Takes each line of output, cleaned. */
  readonly report: (line: string) => void;
}

const keptBytes = 8 * 1024;
const shownLines = 20;
/** Characters of the output in a message. */
const saidCharacters = 200;

/**
 * Runs the application's `post_start` hooks in its container, one after the other. Throws `command-failed` for the
 * first one that fails or takes longer than timeouts.healthMs.
 */
export async function runPostStart(
  client: NodeClient,
  app: AppName,
  context: HookContext,
  signal: AbortSignal,
): Promise<void> {
  for (const hook of context.config.applications[app]?.hooks?.postStart ?? [])
    await runHook(client, app, 'post_start', hook, context, signal);
}

/** Runs the `pre_stop` hooks in a container that runs. Returns why one of them failed: the stop goes on. */
export async function runPreStop(
  client: NodeClient,
  app: AppName,
  context: HookContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  const hooks = context.config.applications[app]?.hooks?.preStop ?? [];
  if (hooks.length === 0) return undefined;
  try {
    if ((await client.containers.condition(app, signal))?.state !== 'running') return undefined;
    for (const hook of hooks) await runHook(client, app, 'pre_stop', hook, context, signal);
    return undefined;
  } catch (error) {
    if (signal.aborted || isAbort(error)) throw error;
    const why = plainText(error instanceof Error ? error.message : String(error));
    context.report(why);
    return why;
  }
}

/** The hooks of a step report to its output. */
export const hooksOfStep = (context: StepContext): HookContext => ({
  config: context.config,
  sleep: context.sleep,
  report: (line) => context.emit({ type: 'step-output', step: context.step, line }),
});

async function runHook(
  client: NodeClient,
  app: AppName,
  kind: 'post_start' | 'pre_stop',
  hook: Hook,
  { config, sleep, report }: HookContext,
  signal: AbortSignal,
): Promise<void> {
  const { healthMs } = config.settings.timeouts;
  const what = `cannot run the ${kind} hook of "${app}" on "${client.node}"`;
  const over = new AbortController();
  const done = new AbortController();
  const timer = sleep(healthMs, done.signal).then(
    () => over.abort(),
    () => undefined,
  );
  try {
    const session = await client.containers.exec(app, { ...hook, tty: false }, AbortSignal.any([signal, over.signal]));
    session.stdin.end();
    const [output, errors, code] = await Promise.all([
      readEnd(session.stdout),
      session.stderr === undefined ? '' : readEnd(session.stderr),
      session.ended,
    ]);
    const lines = linesOf(output, errors);
    for (const line of lines) report(`${kind}: ${line}`);
    if (code === 0) return;
    const last = lines.at(-1);
    const said = last === undefined ? '' : `: ${last.slice(0, saidCharacters)}`;
    throw new AppError('command-failed', `${what}: it exited with code ${code}${said}`, {
      hint: `read its log: drover logs ${app}`,
    });
  } catch (error) {
    if (!over.signal.aborted || signal.aborted) throw error;
    throw new AppError('timeout', `${what}: it takes longer than ${healthMs / 1000} s`, {
      hint: 'raise timeouts.health in drover.yml',
    });
  } finally {
    done.abort();
    await timer;
  }
}

/** The end of what a program prints; the rest is read and dropped, so that the program does not wait. */
async function readEnd(stream: Readable): Promise<string> {
  let kept = Buffer.alloc(0);
  for await (const chunk of stream) kept = Buffer.concat([kept, Buffer.from(chunk)]).subarray(-keptBytes);
  return kept.toString('utf8');
}

function linesOf(...texts: readonly string[]): readonly string[] {
  const lines = texts.flatMap((text) => plainLines(text).split('\n'));
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-shownLines)
    .map((line) => line.slice(0, shownLineCharacters));
}
