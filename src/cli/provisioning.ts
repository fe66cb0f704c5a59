import type { Host } from '../engine/host.ts';
import type { NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { plainText } from '../model/plain-text.ts';
import { type SetupEvent, type SetupStep, setupAnswers } from '../model/provisioning.ts';
import { cell } from '../view/lines.ts';
import { parseSetupLine, setupRows } from '../view/provisioning-lines.ts';
import { formatDuration } from '../view/wording.ts';
import type { Invocation } from './invocation.ts';
import { clearLine, printed, printLines } from './style.ts';

/** Without a terminal, a long step prints its progress this often. */
const PLAIN_EVERY_MS = 15_000;
const REDRAW_EVERY_MS = 200;

/** What provision.sh would do: it changes nothing. Shows that it looks, and on a terminal what it has looked at last. */
export async function checkSetUp(
  invocation: Invocation,
  node: NodeName,
  host: Host,
  args: readonly string[],
  signal: AbortSignal,
): Promise<readonly SetupStep[]> {
  const show = createDisplay(invocation);
  show.looking(node);
  const onEvent = (event: SetupEvent) => event.type === 'step' && show.looking(node, event.name);
  return await runSetUp(node, host, [...args, '--check'], { onEvent, close: show.close }, signal);
}

/** Runs the script and shows each step. Throws `command-failed` if a step fails. */
export async function performSetUp(
  invocation: Invocation,
  node: NodeName,
  host: Host,
  args: readonly string[],
  signal: AbortSignal,
): Promise<readonly SetupStep[]> {
  const steps = await runSetUp(node, host, args, createDisplay(invocation), signal);
  const failed = steps.find(({ state }) => state === 'cannot');
  if (failed === undefined) return steps;
  throw new AppError(
    'command-failed',
    `cannot set "${node}" up: ${failed.name}: ${failed.detail ?? 'it had no effect'}`,
    {
      hint: 'fix this, then run the same command again; the finished steps stay',
      details: { node, step: failed.name },
    },
  );
}

/** Runs the script; its steps are in the result. Closes the display at the end. */
async function runSetUp(
  node: NodeName,
  host: Host,
  args: readonly string[],
  show: { readonly onEvent: (event: SetupEvent) => unknown; readonly close: () => void },
  signal: AbortSignal,
): Promise<readonly SetupStep[]> {
  const steps: SetupStep[] = [];
  let heard = 0;
  const onLine = (text: string): void => {
    const event = parseSetupLine(text);
    if (event === undefined) return;
    heard += 1;
    if (event.type === 'step') steps.push(toStep(event));
    show.onEvent(event);
  };
  try {
    const { code, stderr } = await host.setUp(args, onLine, signal);
    if (setupAnswers.includes(code) && heard > 0) return steps;
    throw new AppError('command-failed', `cannot set "${node}" up: ${stderr || `bash ends with ${code}`}`, {
      hint: 'see whether bash runs there at all, and whether this drover is complete',
      details: { node, exit: code },
    });
  } finally {
    show.close();
  }
}

const toStep = ({ type: _type, ...step }: SetupEvent & { readonly type: 'step' }): SetupStep => step;

interface Display {
  /** Nothing is done so far; `seen` is the step that was looked at last. */
  readonly looking: (node: NodeName, seen?: string) => void;
  readonly onEvent: (event: SetupEvent) => void;
  readonly close: () => void;
}

/** A moving line on a terminal; otherwise a line at the start and end of a step, and now and then in between. */
function createDisplay({ world: { terminal, now }, options, paint }: Invocation): Display {
  const silent = options.json || options.quiet;
  let began = 0;
  let said = 0;
  let moving = false;
  const clear = (): void => {
    if (moving) terminal.out(clearLine);
    moving = false;
  };
  const tell = (text: string): void => {
    said = now();
    clear();
    const fits = [...plainText(text)].slice(0, terminal.columns() - 1).join('');
    terminal.out(terminal.moving ? printed`${fits}` : printed`${text}\n`);
    moving = terminal.moving;
  };
  const looking = (node: NodeName, seen?: string): void => {
    if (silent || (seen !== undefined && !terminal.moving)) return;
    tell(`  … looking at ${node}, which changes nothing${seen === undefined ? '' : `: ${seen}`}`);
  };
  const onEvent = (event: SetupEvent): void => {
    if (silent) return;
    if (event.type === 'begin') {
      began = now();
      tell(`  … ${event.name}`);
    } else if (event.type === 'progress') {
      if (now() - said < (terminal.moving ? REDRAW_EVERY_MS : PLAIN_EVERY_MS)) return;
      tell(`  … ${event.name}  ${event.percent} %  ${event.text}`);
    } else if (event.state !== 'done') {
      clear();
      const took = began === 0 ? [] : [cell(`(${formatDuration(now() - began)})`)];
      const [row = []] = setupRows([toStep(event)]);
      terminal.out(printLines([[...row, ...took]], paint));
      began = 0;
    }
  };
  return { looking, onEvent, close: clear };
}
