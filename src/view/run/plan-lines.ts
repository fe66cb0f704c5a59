import type { Config } from '../../model/config.ts';
import type { MoveForecast, Plan, Step } from '../../model/plan.ts';
import { type Line, line } from '../lines.ts';
import {
  count,
  describeAction,
  formatBytes,
  formatDuration,
  type Names,
  namesOf,
  noteSentences,
  substituteSentences,
} from '../wording.ts';

/** A plan for people: by application, each step with its reason, what moves cost, what is blocked and why. */
export function planLines(config: Config, plan: Plan, forecasts: readonly MoveForecast[]): readonly Line[] {
  const names = namesOf(config);
  const numbers = new Map(plan.steps.map((step, i) => [step.id, i + 1]));
  const groups = [...new Set(plan.steps.map(({ group }) => group))];
  const lines = groups.flatMap((group) => [
    line(''),
    line(group, 'strong'),
    ...forecastLines(
      forecasts.filter((move) => (move.app ?? move.volume) === group),
      names,
    ),
    ...plan.steps.filter((step) => step.group === group).flatMap((step) => stepLines(step, numbers, names)),
  ]);
  const substitutes = [...noteSentences(config), ...substituteSentences(config)].map((text) => line(text, 'warning'));
  return [
    line(planSummary(plan), 'strong'),
    ...substitutes,
    ...lines,
    ...blockedLines(plan, names),
    ...noteLines(plan),
  ];
}

/** `9 steps, 1 change blocked`, or that there is nothing to do. */
export function planSummary(plan: Plan): string {
  const blocked = plan.blocked.length === 0 ? '' : `${count(plan.blocked.length, 'change')} blocked`;
  if (plan.steps.length === 0) return blocked || 'nothing to do: the nodes match the files';
  return `${count(plan.steps.length, 'step')} to do${blocked && `, ${blocked}`}`;
}

function stepLines(step: Step, numbers: ReadonlyMap<string, number>, names: Names): readonly Line[] {
  const number = String(numbers.get(step.id) ?? '').padStart(4);
  return [line(`${number}. ${describeAction(step.action, names)}`), line(`      because ${step.reason}`, 'faint')];
}

function forecastLines(moves: readonly MoveForecast[], names: Names): readonly Line[] {
  return moves.map((move) => {
    const way = `${names.volume(move.volume, move.app)}: ${names.node(move.from)} → ${names.node(move.to)}`;
    const bytes = `${formatBytes(move.totalBytes)} to send, ${formatBytes(move.finalBytes)} of it while stopped`;
    return line(`  ${way}, ${bytes}, ${downtime(move)}`, 'working');
  });
}

function downtime({ basis, downtimeMs, rangeMs }: MoveForecast): string {
  if (basis === 'unknown rate') return 'downtime not known yet';
  const from = basis === 'earlier moves' ? 'as earlier moves took' : 'by the commands it takes';
  const range = rangeMs === undefined ? '' : `, ${formatDuration(rangeMs[0])} to ${formatDuration(rangeMs[1])}`;
  return `about ${formatDuration(downtimeMs)} of downtime${range} (${from})`;
}

/** Why each blocked change is blocked, with what to do about it. */
export function blockedLines({ blocked }: Pick<Plan, 'blocked'>, names: Names): readonly Line[] {
  if (blocked.length === 0) return [];
  const each = blocked.flatMap(({ app, node, reason, hint }) => {
    const who = app === undefined ? '' : `"${app}"${node === undefined ? '' : ` on ${names.node(node)}`}: `;
    return [line(`  ✘ ${who}${reason}`, 'fault'), ...(hint === undefined ? [] : [line(`    hint: ${hint}`)])];
  });
  return [line(''), line('blocked', 'strong'), ...each];
}

function noteLines({ notes }: Plan): readonly Line[] {
  if (notes.length === 0) return [];
  return [line(''), line('notes', 'strong'), ...notes.map((note) => line(`  · ${note}`, 'faint'))];
}
