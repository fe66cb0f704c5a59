import type { AppName } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { shownLineCharacters } from '../../model/limits.ts';
import { plainLines } from '../../model/plain-text.ts';
import type { ActionOf } from '../../model/plan.ts';
import { portText } from '../../plan/ports.ts';
import type { ContainerCondition, NodeClient } from '../node-client.ts';
import type { StepContext } from './step-context.ts';

const pollMs = 250;
/** Pause between two requests about ports; during a request the node tries them all the time. */
const shortMs = 50;
const shownLogLines = 5;
/** Characters of what a health check printed, in a message. */
const saidCharacters = 200;

/** A port that is asked on the node. `isOptional`: at the end of the time it is no failure if it does not accept. */
interface Asked {
  readonly port: number;
  /** Inside the container, where it has no external port. */
  readonly shown: number;
  readonly isOptional: boolean;
}

/** The published ports, and those reached by name: if it is known which of them accepted before, exactly those. */
function askedPorts({ app, ports, named = [] }: ActionOf<'check-container'>, { known }: StepContext): Asked[] {
  const answered = known.answered.get(app);
  return [
    ...ports.flatMap(({ port, protocol }) => (protocol === 'tcp' ? [{ port, shown: port, isOptional: false }] : [])),
    ...named.flatMap((one) =>
      one.protocol === 'tcp' && answered?.has(portText(one)) !== false
        ? [{ port: one.meshPort, shown: one.port, isOptional: answered === undefined }]
        : [],
    ),
  ];
}

/**
 * Waits for the container's health check, else for all published TCP ports; with `until`, until it has exited with code
 * 0. Any other exit ends the wait at once, unless the work of the application may end and it exited with 0.
 */
export async function checkContainer(
  action: ActionOf<'check-container'>,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const client = await context.cluster.node(action.node, signal);
  if (action.until === 'done') return await waitUntilDone(client, action.app, context, signal);
  const { healthMs } = context.config.settings.timeouts;
  const mayEnd = context.config.applications[action.app]?.mayEnd !== undefined;
  const begun = context.now();
  const deadline = begun + healthMs;
  let ports = askedPorts(action, context);
  let checks = 0;
  while (true) {
    const at = context.now();
    const waitMs = Math.min(checkMs(at - begun), Math.max(0, deadline - at));
    const verdict = await check(client, { app: action.app, mayEnd }, ports, waitMs, signal);
    checks += 1;
    // The health check decides; the ports no longer matter.
    if (verdict.kind === 'waiting' && verdict.by === 'health') ports = [];
    if (verdict.kind === 'broken') throw await unhealthy(client, action.app, verdict.why, signal);
    // Without a port or health check, the container has to be running a second time.
    if (verdict.kind === 'good' && (verdict.sure || checks > 1)) return;
    if (context.now() >= deadline) {
      if (verdict.kind === 'waiting' && verdict.isOptional === true) {
        const line = `"${action.app}" runs, and ${verdict.why} after ${healthMs / 1000} s`;
        context.emit({ type: 'step-output', step: context.step, line });
        return;
      }
      const why = verdict.kind === 'waiting' ? verdict.why : 'it did not stay up';
      throw await unhealthy(client, action.app, `${why} after ${healthMs} ms`, signal);
    }
    const isAsked = verdict.kind === 'waiting' && verdict.by === 'ports';
    await context.sleep(isAsked ? shortMs : pauseMs(context.now() - at, at - begun), signal);
  }
}

/** Waits for the end of a job, and reports now and then that it still runs. */
async function waitUntilDone(
  client: NodeClient,
  app: AppName,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { jobMs } = context.config.settings.timeouts;
  const begun = context.now();
  let nextReport = begun + reportMs;
  while (true) {
    const found = await client.containers.condition(app, signal);
    const now = context.now();
    if (found === undefined) throw unfinished(client, app, 'its container is gone');
    if (found.state === 'exited' || found.state === 'dead') {
      if (found.exit?.code === 0) return;
      throw await withLog(client, app, unfinished(client, app, exitText(found)), signal);
    }
    if (now - begun >= jobMs)
      throw await withLog(client, app, unfinished(client, app, `it still runs after ${jobMs / 1000} s`), signal);
    if (now >= nextReport) {
      const line = `"${app}" has been running for ${Math.round((now - begun) / 1000)} s`;
      context.emit({ type: 'step-output', step: context.step, line });
      nextReport = now + reportMs;
    }
    await context.sleep(Math.min(longestPollMs, pauseMs(context.now() - now, now - begun)), signal);
  }
}

const reportMs = 30_000;
const longestPollMs = 2_000;

const unfinished = (client: NodeClient, app: AppName, why: string): AppError =>
  new AppError('unhealthy', `cannot finish "${app}" on "${client.node}": ${why}`, {
    hint: `read its log: drover logs ${app}`,
  });

function exitText({ exit }: ContainerCondition): string {
  const memory = exit?.oomKilled === true ? ', out of memory' : '';
  return `it exited with code ${exit?.code ?? 'unknown'}${memory}`;
}

/** A check takes processor time that an application needs to start on a slow node. */
const pauseMs = (checkMs: number, waitedMs: number): number => Math.max(pollMs, Math.min(2 * checkMs, waitedMs / 4));

/** How long one command on the node tries the ports, every few milliseconds, before the container is checked again. */
const checkMs = (waitedMs: number): number => Math.min(5_000, Math.max(1_000, waitedMs / 2));

type Verdict =
  | { readonly kind: 'good'; readonly sure: boolean }
  | {
      readonly kind: 'waiting';
      readonly why: string;
      readonly by?: 'ports' | 'health';
      readonly isOptional?: boolean;
    }
  | { readonly kind: 'broken'; readonly why: string };

/** Checks the container and its ports at the same time. */
async function check(
  client: NodeClient,
  { app, mayEnd }: { readonly app: AppName; readonly mayEnd: boolean },
  ports: readonly Asked[],
  waitMs: number,
  signal: AbortSignal,
): Promise<Verdict> {
  const over = new AbortController();
  const numbers = ports.map(({ port }) => port);
  const asked = client.network.closedPorts(numbers, waitMs, AbortSignal.any([signal, over.signal]));
  asked.catch(() => undefined);
  try {
    const found = judge(await client.containers.condition(app, signal), mayEnd);
    if (found !== undefined) return found;
    const silent = new Set(await asked);
    const closed = ports.filter(({ port }) => silent.has(port));
    if (closed.length > 0) {
      const why = `port ${closed.map(({ shown }) => shown).join(', ')} does not accept`;
      return { kind: 'waiting', why, by: 'ports', isOptional: closed.every((one) => one.isOptional) };
    }
    return { kind: 'good', sure: ports.length > 0 };
  } finally {
    over.abort();
  }
}

/** The verdict of the container alone; undefined where its ports decide. */
function judge(container: ContainerCondition | undefined, mayEnd: boolean): Verdict | undefined {
  if (container === undefined) return { kind: 'broken', why: 'its container is gone' };
  const { state, health, exit } = container;
  if (state === 'exited' && exit?.code === 0 && mayEnd) return { kind: 'good', sure: true };
  if (state === 'exited' || state === 'dead') return { kind: 'broken', why: exitText(container) };
  // Docker restarts it by its policy: many programs fail once or twice until another one answers.
  if (state !== 'running') return { kind: 'waiting', why: `it is ${state}` };
  if (health === 'unhealthy') return { kind: 'broken', why: `its health check fails${outputText(container)}` };
  if (health === 'starting') {
    return { kind: 'waiting', why: `its health check has not succeeded${outputText(container)}`, by: 'health' };
  }
  return health === 'healthy' ? { kind: 'good', sure: true } : undefined;
}

/** The last line that the health check printed, as the container says it: cleaned and cut. */
function outputText({ healthOutput = '' }: ContainerCondition): string {
  const line = plainLines(healthOutput)
    .split('\n')
    .map((each) => each.trim())
    .findLast((each) => each !== '');
  return line === undefined ? '' : ` (it printed: ${line.slice(0, saidCharacters)})`;
}

const unhealthy = (client: NodeClient, app: AppName, why: string, signal: AbortSignal): Promise<AppError> =>
  withLog(
    client,
    app,
    new AppError('unhealthy', `cannot bring up "${app}" on "${client.node}": ${why}`, {
      hint: `read its log: drover logs ${app}`,
    }),
    signal,
  );

/** The error with the last lines of the container's log. */
async function withLog(client: NodeClient, app: AppName, error: AppError, signal: AbortSignal): Promise<AppError> {
  const lines: string[] = [];
  try {
    for await (const line of client.containers.logs(app, { follow: false, tail: shownLogLines }, signal)) {
      lines.push(line.text.slice(0, shownLineCharacters));
      if (lines.length === shownLogLines) break;
    }
  } catch {
    // The verdict stands without its log lines.
  }
  if (lines.length === 0) return error;
  const { code, message, hint } = error;
  return new AppError(code, message, { ...defined({ hint }), details: { log: lines.join('\n') } });
}
