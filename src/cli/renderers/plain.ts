import { printProblems } from '../../config/problems.ts';
import type { Config, ConfigProblem } from '../../model/config.ts';
import type { EngineEvent, MoveReceipt, StepOutcome } from '../../model/events.ts';
import type { Plan, Step, StepId } from '../../model/plan.ts';
import { withKnownIds } from '../../model/volume-identity.ts';
import { type Line, line } from '../../view/lines.ts';
import { blockedLines, planSummary } from '../../view/run/plan-lines.ts';
import { receiptLines } from '../../view/run/receipt-lines.ts';
import {
  describeAction,
  describeError,
  describeOutcome,
  formatDuration,
  namesOf,
  nodeTitle,
  noteSentences,
  substituteSentences,
} from '../../view/wording.ts';
import { joined, type Paint, printed, printLines, withHead } from '../style.ts';
import type { World } from '../world.ts';
import { createMeter, type Meter } from './meter.ts';

export interface PlainOptions {
  readonly quiet: boolean;
  /** The time of day before each line instead of the time since the beginning: for `watch`. */
  readonly clock: boolean;
}

/** Listens to the engine and prints a line for each event; `close` ends the moving line. */
export interface Renderer {
  readonly onEvent: (event: EngineEvent) => void;
  readonly close: () => void;
}

export function createPlainRenderer(
  world: Pick<World, 'terminal' | 'now'>,
  options: PlainOptions,
  paint: Paint,
): Renderer {
  const memory: Memory = { steps: new Map(), nodes: new Map(), receipts: [], runStartedAt: world.now() };
  const began = world.now();
  const meter = createMeter(world, paint);
  const stamp = (at: number): string =>
    options.clock ? new Date(at).toTimeString().slice(0, 8) : formatDuration(at - began).padStart(8);
  return {
    onEvent(event) {
      if (event.type === 'step-progress') {
        if (!options.quiet) meter.update(event, titleOf(memory, event.step));
        return;
      }
      const lines = linesOf(event, memory, world);
      if (event.type === 'step-finished') meter.forget(event.step);
      print(
        lines.filter(({ tone }) => !options.quiet || tone === 'fault' || event.type === 'run-finished'),
        event,
        meter,
      );
    },
    close: meter.clear,
  };

  function print(lines: readonly Line[], event: EngineEvent, before: Meter): void {
    if (lines.length === 0) return;
    before.clear();
    // The end stands at the left edge: it is what one looks for.
    const head = event.type === 'run-finished' ? printed`` : joined(paint(stamp(event.at), 'faint'), printed`  `);
    world.terminal.out(withHead(printLines(lines, paint), head));
  }
}

interface Memory {
  config?: Config;
  readonly steps: Map<StepId, Step>;
  readonly nodes: Map<string, string>;
  receipts: MoveReceipt[];
  runStartedAt: number;
  /** The last plan that was printed: a run plans before and after it takes the lock, and prints equal plans once. */
  printedPlan?: string;
}

const titleOf = ({ steps, config }: Memory, id: StepId): string => {
  const step = steps.get(id);
  return step === undefined ? id : describeAction(step.action, namesOf(config));
};

function linesOf(event: EngineEvent, memory: Memory, world: Pick<World, 'terminal'>): readonly Line[] {
  switch (event.type) {
    case 'config-loaded':
      memory.config = event.config;
      return [...noteSentences(event.config), ...substituteSentences(event.config)].map((text) =>
        line(text, 'warning'),
      );
    case 'config-rejected':
      return [
        ...problemTexts(event.problems, world).map((text) => line(text, 'fault')),
        line('the last good files stay in force', 'warning'),
      ];
    case 'node-observed':
      return nodeLines(event, memory);
    case 'run-started':
      memory.runStartedAt = event.at;
      memory.receipts = [];
      return [];
    case 'plan-made':
      for (const step of event.plan.steps) memory.steps.set(step.id, step);
      if (memory.config !== undefined) memory.config = withKnownIds(memory.config, event.plan.knownIds ?? {});
      return summaryLines(event.plan, memory);
    case 'step-started':
      return [line(`▸ ${titleOf(memory, event.step)}`, 'working')];
    case 'step-finished':
      return outcomeLines(titleOf(memory, event.step), event.outcome, memory);
    case 'step-output':
      return [line(`  │ ${event.line}`, 'faint')];
    case 'move-finished':
      memory.receipts.push(event.receipt);
      return [];
    case 'retrying':
      return [line(`again in ${formatDuration(event.inMs)}: ${event.error.message}`, 'warning')];
    case 'run-finished':
      memory.printedPlan = '';
      return endLines(event, memory, world);
    // Said by the verbs themselves, or of use only where a screen shows them.
    case 'step-progress':
    case 'figures':
    case 'container-event':
    case 'command':
    case 'policy-changed':
    case 'approval-wanted':
    case 'approval-over':
    case 'act-finished':
      return [];
  }
}

function summaryLines(plan: Plan, memory: Memory): readonly Line[] {
  const text = planSummary(plan);
  if (plan.steps.length === 0 || memory.printedPlan === text) return [];
  memory.printedPlan = text;
  return [line(text, 'strong')];
}

/** Said once for each change of a node between reachable and not. */
function nodeLines({ node, state }: EngineEvent & { type: 'node-observed' }, memory: Memory): readonly Line[] {
  if (memory.nodes.get(node) === state.status) return [];
  memory.nodes.set(node, state.status);
  const title = nodeTitle(memory.config, node);
  if (state.status === 'reachable') return [line(`● ${title} answers in ${formatDuration(state.facts.roundTripMs)}`)];
  const [message, hint] = describeError(state.error);
  return [line(`✘ ${title}: ${message}`, 'fault'), ...(hint === undefined ? [] : [line(`  ${hint}`)])];
}

function outcomeLines(title: string, outcome: StepOutcome, memory: Memory): readonly Line[] {
  switch (outcome.result) {
    case 'succeeded':
      return [line(`✔ ${title} (${formatDuration(outcome.durationMs)})`, 'ok')];
    case 'failed': {
      const [message, hint] = describeError(outcome.error);
      return [line(`✘ ${title}: ${message}`, 'fault'), ...(hint === undefined ? [] : [line(`  ${hint}`)])];
    }
    case 'skipped':
      return [line(`· skipped: ${title}, because this did not succeed: ${titleOf(memory, outcome.because)}`, 'faint')];
    case 'cancelled':
      return [line(`· cancelled: ${title}`, 'faint')];
  }
}

const problemTexts = (problems: readonly ConfigProblem[], { terminal }: Pick<World, 'terminal'>): readonly string[] =>
  printProblems(problems, { color: terminal.colour }).trimEnd().split('\n');

function endLines(
  { at, outcome }: EngineEvent & { type: 'run-finished' },
  memory: Memory,
  world: Pick<World, 'terminal'>,
): readonly Line[] {
  const names = namesOf(memory.config);
  const receipts = memory.receipts.flatMap((receipt) => receiptLines(receipt, names));
  const blocked = outcome.result === 'blocked' ? blockedLines({ blocked: outcome.blockers }, names).slice(1) : [];
  const problems = outcome.result === 'rejected' ? problemTexts(outcome.problems, world).map((text) => line(text)) : [];
  const hint = 'error' in outcome && outcome.error.hint !== undefined ? [line(`hint: ${outcome.error.hint}`)] : [];
  const tone = outcome.result === 'converged' ? 'ok' : outcome.result === 'superseded' ? 'faint' : 'fault';
  const end = line(describeOutcome(outcome, at - memory.runStartedAt), tone);
  return [...receipts, ...blocked, ...problems, end, ...hint];
}
