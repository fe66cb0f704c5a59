import { expect } from 'vitest';
import type { ActionKind } from '../../src/model/plan.ts';
import {
  dropHeld,
  type Holdable,
  heldOn,
  holdNext,
  lab,
  labName,
  letGo,
  onNode,
  takeLocksAway,
  untilUp,
} from './crash-nodes.ts';
import { node1, node2, pause, type startDrover } from './lab.ts';

export type Event =
  /** drover dies when the step is reported as begun or as done. */
  | { readonly kind: 'killed'; readonly at: 'begun' | 'done'; readonly step: ActionKind }
  /**
   * drover dies while one command of it is on its way to the node; that arrives at once, after the next run (`late`),
   * or never.
   */
  | {
      readonly kind: 'on-its-way';
      readonly step: ActionKind | 'swap';
      readonly node: string;
      readonly program: Holdable;
      readonly pattern: string;
      readonly arrives: 'at once' | 'late' | 'never';
    }
  /** A request to Docker that the killed run made arrives after the next run. */
  | { readonly kind: 'late-docker'; readonly step: ActionKind; readonly node: string; readonly request: string }
  /** drover sleeps from the step on, its locks are given up, the next run acts, and it wakes up and goes on. */
  | { readonly kind: 'asleep'; readonly step: ActionKind }
  /** The node loses its power, or its cable, when the step has begun; `isKilled`: and drover dies. */
  | {
      readonly kind: 'power' | 'cable';
      readonly step: ActionKind;
      readonly node: string;
      readonly isKilled: boolean;
      /** Whether it is back before the next run. */
      readonly isBack: boolean;
    };

export function printEvent(event: Event): string {
  if (event.kind === 'killed') return `killed, ${event.step} ${event.at}`;
  if (event.kind === 'asleep') return `asleep from ${event.step} on`;
  const node = labName(event.node);
  if (event.kind === 'on-its-way')
    return `killed, command of ${event.step} on its way to ${node} arrives ${event.arrives}`;
  if (event.kind === 'late-docker') return `killed at ${event.step}, "docker ${event.request}" arrives late on ${node}`;
  return `${event.kind} of ${node} cut at ${event.step}${event.isKilled ? ', killed' : ''}, back ${event.isBack ? 'before' : 'after'} the next run`;
}

type Started = ReturnType<typeof startDrover>;
type Start = (onEvent: Parameters<typeof startDrover>[2]) => Started;
/** The next run; `nodes` are those that can be looked at meanwhile. */
type Second = (nodes?: readonly string[]) => Promise<void>;

/** The first run with its event, and the next run at its place in it; says how the first one ended. */
export function strike(event: Event, start: Start, second: Second): Promise<string> {
  if (event.kind === 'on-its-way') return strikeCommand(event, start, second);
  if (event.kind === 'asleep') return sleepOver(event, start, second);
  if (event.kind === 'killed' || event.kind === 'late-docker') return killAt(event, start, second);
  return breakNode(event, start, second);
}

type Of<K extends Event['kind']> = Extract<Event, { kind: K }>;

/** Starts a run and does something once, when the step begins or is done. */
function startUntil(start: Start, step: ActionKind, at: 'begun' | 'done', act: (child: Started['child']) => void) {
  let isHit = false;
  const type = at === 'done' ? 'step-finished' : 'step-started';
  const run = start((told, child) => {
    if (isHit || told.type !== type || !String(told.step).startsWith(`${step}:`)) return;
    isHit = true;
    act(child);
  });
  const ended = run.ended.then((end) => {
    expect(isHit, `it came to no ${step}: ${end.stderr}`).toBe(true);
    return end.signal ?? `exit ${end.code}`;
  });
  return { child: run.child, ended };
}

async function killAt(event: Of<'killed' | 'late-docker'>, start: Start, second: Second): Promise<string> {
  const at = event.kind === 'killed' ? event.at : 'begun';
  const how = await startUntil(start, event.step, at, (child) => child.kill('SIGKILL')).ended;
  await second();
  if (event.kind === 'killed') return how;
  const said = await onNode(event.node, `docker ${event.request} 2>&1 || true`);
  return `${how}; Docker says: ${said.trim().slice(0, 120)}`;
}

async function strikeCommand(event: Of<'on-its-way'>, start: Start, second: Second): Promise<string> {
  const { node, program, pattern, arrives } = event;
  await holdNext(node, program, pattern);
  const run = start(() => undefined);
  const isHeld = await heldOn(node, run.ended);
  run.child.kill('SIGKILL');
  const end = await run.ended;
  expect(isHeld, `no such command, and the run ended: ${JSON.stringify(end)}`).toBe(true);
  if (arrives === 'never') await dropHeld(node);
  if (arrives === 'at once') await letGo(node);
  await second();
  if (arrives === 'late') await letGo(node);
  return 'SIGKILL';
}

async function sleepOver(event: Of<'asleep'>, start: Start, second: Second): Promise<string> {
  let sleeps = (): void => undefined;
  const asleep = new Promise<void>((resolve) => {
    sleeps = resolve;
  });
  const run = startUntil(start, event.step, 'begun', (child) => {
    child.kill('SIGSTOP');
    sleeps();
  });
  await Promise.race([asleep, run.ended]);
  await takeLocksAway();
  await second();
  run.child.kill('SIGCONT');
  return await run.ended;
}

async function breakNode(event: Of<'power' | 'cable'>, start: Start, second: Second): Promise<string> {
  const { kind, node, isKilled, isBack } = event;
  let broken: Promise<void> | undefined;
  const run = startUntil(start, event.step, 'begun', (child) => {
    broken = lab('break', labName(node), kind).then(() => {
      if (isKilled) child.kill('SIGKILL');
    });
  });
  const heal = async (): Promise<void> => {
    await lab('break', labName(node), kind, '--undo');
    await untilUp();
  };
  if (!isKilled && isBack) {
    // So short that the connections may outlive it.
    while (broken === undefined) await pause(50);
    await broken;
    await pause(4_000);
    await heal();
  }
  const how = await run.ended;
  await broken;
  if (isKilled && isBack) await heal();
  await second(isBack ? undefined : [node1, node2].filter((each) => each !== node));
  if (!isBack) await heal();
  return how;
}

export const killed = (at: 'begun' | 'done', step: ActionKind): Event => ({ kind: 'killed', at, step });
export const onItsWay = (
  arrives: Of<'on-its-way'>['arrives'],
  step: Of<'on-its-way'>['step'],
  node: string,
  program: Holdable,
  pattern: string,
): Event => ({ kind: 'on-its-way', arrives, step, node, program, pattern });
export const late = (step: Of<'on-its-way'>['step'], node: string, program: Holdable, pattern: string): Event =>
  onItsWay('late', step, node, program, pattern);
export const lateDocker = (step: ActionKind, node: string, request: string): Event => ({
  kind: 'late-docker',
  step,
  node,
  request,
});
export const broken = (
  kind: 'power' | 'cable',
  step: ActionKind,
  node: string,
  isKilled: boolean,
  isBack: boolean,
): Event => ({ kind, step, node, isKilled, isBack });
