import type { Engine } from '../../engine/types.ts';
import { isAbort } from '../../model/errors.ts';
import { plainText } from '../../model/plain-text.ts';
import { isShown, verdictsOf } from '../../tutorial/guide-view.ts';
import { placementAt } from '../../tutorial/placement.ts';
import { goTo, isDone, isOver, nextOf, stepAt, type TutorialProgress, tick } from '../../tutorial/progress.ts';
import { shownCommand, wordsOf } from '../../tutorial/reader-place.ts';
import type { Tutorial, TutorialStep } from '../../tutorial/types.ts';
import { line } from '../../view/lines.ts';
import { type ExitCode, exitCode } from '../exit-code.ts';
import { chooseFiles } from '../files.ts';
import { type Stops, withInterrupts } from '../interrupt.ts';
import type { Invocation } from '../invocation.ts';
import { printJsonLine } from '../renderers/json.ts';
import { printed, printLines } from '../style.ts';
import type { Terminal } from '../world.ts';
import { beginOrGoOn, type TutorialPlace } from './place.ts';
import { askOutside, asksOutside, noAnswers } from './questions.ts';
import type { TutorialWorld } from './world.ts';

const lookEveryMs = 3000;
const hintAfterMs = 60_000;
/** After drover has run the commands of a step, its checks hold within this time, or something is wrong. */
const settleMs = 120_000;

interface Lines {
  readonly invocation: Invocation;
  readonly tutorials: TutorialWorld;
  readonly tutorial: Tutorial;
  readonly place: TutorialPlace;
  readonly stops: Stops;
}

/** The tutorial without a screen: prints each step and waits until it is done. Enter, or --yes, makes drover do it. */
export async function followInLines(
  invocation: Invocation,
  tutorials: TutorialWorld,
  tutorial: Tutorial,
  place: TutorialPlace,
): Promise<ExitCode> {
  return withInterrupts(invocation.world, 'prompt', async (stops) => {
    const lines: Lines = { invocation, tutorials, tutorial, place, stops };
    try {
      let progress = await begin(lines);
      for (;;) {
        const step = stepAt(tutorial, progress);
        if (step === undefined || (isDone(progress) && nextOf(tutorial, progress.at) === undefined)) break;
        if (!isDone(progress)) {
          const outcome = await follow(lines, step);
          if (outcome === 'left') return exitCode.cancelled;
          if (outcome === 'not shown') return exitCode.failed;
          if (outcome === 'left out') {
            emit(lines, { type: 'step-left-out', step: step.id }, [`– ${step.title}`, ''], 'faint');
            const next = nextOf(tutorial, step.id);
            if (next === undefined) break;
            progress = await onward(lines, progress, next);
            continue;
          }
          progress = tick(tutorial, progress);
          emit(lines, { type: 'step-done', step: step.id }, [`✔ ${step.title}`, ...step.after, ''], 'ok');
        }
        progress = await onward(lines, progress, isDone(progress) ? nextOf(tutorial, progress.at) : undefined);
      }
      emit(lines, { type: 'tutorial-done', learnt: tutorial.learnt }, closing(tutorial, progress));
      return exitCode.done;
    } catch (error) {
      if (stops.soft.aborted && isAbort(error)) return exitCode.cancelled;
      throw error;
    }
  });
}

/** A finished tutorial starts again. */
async function begin({ tutorial, place }: Lines): Promise<TutorialProgress> {
  const kept = await beginOrGoOn(tutorial, place);
  const first = tutorial.steps[0];
  if (!isOver(tutorial, kept) || first === undefined) return kept;
  await place.restore(tutorial.parts[0]?.folder ?? '', placementAt(tutorial, first.id));
  return goTo(tutorial, kept, first.id);
}

/** Saves the progress; goes to `next`, if any. */
async function onward(
  { tutorial, place }: Lines,
  progress: TutorialProgress,
  next: TutorialStep | undefined,
): Promise<TutorialProgress> {
  const after = next === undefined ? progress : { ...progress, at: next.id };
  const [from, to] = [stepAt(tutorial, progress), next].map((step) => tutorial.parts[step?.part ?? 0]?.folder ?? '');
  if (next !== undefined && from !== to && to !== undefined) await place.restore(to, placementAt(tutorial, next.id));
  await place.writeProgress(after);
  return after;
}

/** `not shown`: its commands ran, but its checks do not hold. `left`: the reader leaves the tutorial. */
type Outcome = 'shown' | 'not shown' | 'left out' | 'left';

async function follow(lines: Lines, step: TutorialStep): Promise<Outcome> {
  const { invocation, tutorial, place, stops } = lines;
  const { world, options } = invocation;
  const part = tutorial.parts[step.part];
  const commands = step.commands.map(({ text }) => shownCommand(text, tutorial, place));
  emit(lines, { type: 'step', step: step.id, title: step.title, commands }, [
    `${step.id}  ${part?.title ?? ''}: ${step.title}`,
    ...step.text.map((text) => `    ${text}`),
    ...step.commands.flatMap(({ expected }, i) => [`    $ ${commands[i]}`, ...expected.map((each) => `    ${each}`)]),
  ]);
  const { directory: _copy, ...others } = options;
  const files = await chooseFiles({ ...others, directory: place.folderOf(part?.folder ?? '') }, world);
  const engine = await world.openEngine(files);
  try {
    if (options.yes) return await doAndWait(lines, step, engine);
    return await waitFor(lines, step, engine, Number.POSITIVE_INFINITY, world.terminal.ask);
  } finally {
    await engine.close();
    stops.soft.throwIfAborted();
  }
}

/** Runs the commands of the step, unless its checks already hold. */
async function doAndWait(lines: Lines, step: TutorialStep, engine: Engine): Promise<Outcome> {
  if (await shows(lines, step, engine)) return 'shown';
  return (await runAll(lines, step)) ? await waitFor(lines, step, engine, settleMs) : 'not shown';
}

async function runAll(lines: Lines, step: TutorialStep): Promise<boolean> {
  const { tutorials, tutorial, place, stops } = lines;
  for (const { text } of step.commands) {
    const shown = shownCommand(text, tutorial, place);
    emit(lines, { type: 'command', text: shown }, [`  $ ${shown}`], 'strong');
    const print = (line: string): void =>
      emit(lines, { type: 'output', text: plainText(line) }, [`    ${plainText(line)}`]);
    const { code } = await tutorials.run(wordsOf(text, tutorial, place) ?? [], print, stops.soft);
    stops.soft.throwIfAborted();
    if (code === 0) continue;
    emit(lines, { type: 'command-failed', text: shown, code }, [`  it ended with ${code}`], 'fault');
    return false;
  }
  return true;
}

async function shows(
  { tutorials, tutorial, place, stops }: Lines,
  step: TutorialStep,
  engine: Engine,
  report: (text: string) => void = () => undefined,
): Promise<boolean> {
  await engine.plan(stops.soft);
  const view = engine.store.getSnapshot();
  const onNodes = { ...step, checks: step.checks.filter(({ kind }) => kind !== 'prints' && kind !== 'answers') };
  const canAsk = asksOutside(step) && isShown(tutorial, onNodes, { view, ...noAnswers });
  const answers = canAsk
    ? await askOutside(step, tutorial, { world: tutorials, place, signal: stops.soft })
    : noAnswers;
  const findings = { view, ...answers };
  const missing = verdictsOf(tutorial, step, findings, place).filter(({ holds }) => !holds);
  report(missing.map(({ text, why }) => (why === undefined ? text : `${text} (${why})`)).join('; '));
  return missing.length === 0;
}

/** Checks until the step is complete; prints what is missing when that changes. The reader may let drover do it, or skip it. */
async function waitFor(
  lines: Lines,
  step: TutorialStep,
  engine: Engine,
  mostMs: number,
  ask?: Terminal['ask'],
): Promise<Outcome> {
  const { world } = lines.invocation;
  const begun = world.now();
  let last = '';
  let hinted = false;
  const over = new AbortController();
  const prompt = ask === undefined ? undefined : createPrompt(ask, over.signal);
  try {
    for (;;) {
      const report = (text: string): void => {
        if (text !== '' && text !== last)
          emit(lines, { type: 'waiting', for: text }, [`  waiting until ${text}`], 'faint');
        last = text;
      };
      if (await shows(lines, step, engine, report)) return 'shown';
      const answer = prompt?.take();
      if (answer === 'left out' || answer === 'left') return answer;
      if (answer === 'do') await runAll(lines, step);
      const waited = world.now() - begun;
      if (!hinted && waited >= Math.min(hintAfterMs, mostMs) && step.hint !== undefined) {
        hinted = true;
        emit(lines, { type: 'hint', text: step.hint }, [`  hint: ${step.hint}`], 'warning');
      }
      if (waited >= mostMs) return 'not shown';
      await Promise.race([pause(lookEveryMs, lines.stops.soft), prompt?.answered() ?? never]);
    }
  } finally {
    over.abort();
  }
}

const never = new Promise<never>(() => undefined);

/** Asks while drover waits for the step; asks again after each answer. */
function createPrompt(ask: NonNullable<Terminal['ask']>, over: AbortSignal) {
  let given: 'do' | 'left out' | 'left' | undefined;
  let asking: Promise<void> | undefined;
  return {
    answered: (): Promise<void> => {
      asking ??= ask(printed`  Enter does it for you, s leaves it out, Ctrl-C leaves > `, over).then(
        (text) => {
          given = text.trim().toLowerCase() === 's' ? 'left out' : 'do';
          asking = undefined;
        },
        // While a question is open, Ctrl-C is an answer and not a signal.
        () => {
          given = 'left';
        },
      );
      return asking;
    },
    take: () => {
      const was = given;
      given = undefined;
      return was;
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

const closing = ({ steps, learnt, next }: Tutorial, { done }: TutorialProgress): readonly string[] => [
  `${done.length === steps.length ? 'All steps are done.' : `${done.length} of ${steps.length} steps are done.`} What you know now:`,
  ...learnt.map((text) => `  - ${text}`),
  ...(next === undefined ? [] : [`The next tutorial: drover tutorial ${next}`]),
];

type Tone = 'ok' | 'strong' | 'faint' | 'warning' | 'fault';

function emit({ invocation }: Lines, event: object, texts: readonly string[], tone?: Tone): void {
  const { world, options, paint } = invocation;
  if (options.json) printJsonLine(world, { at: world.now(), ...event });
  else for (const text of texts) world.terminal.out(printLines([line(text, tone)], paint));
}
