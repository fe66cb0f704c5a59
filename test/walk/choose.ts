import { type Case, type Course, followCourse, follows } from './case.ts';
import { events } from './events.ts';
import { createRandom, type Random } from './random.ts';
import { scenarios } from './scenarios.ts';

/** The chosen cases, and what they cover. */
export interface Choice {
  readonly cases: readonly Case[];
  /** Kinds of steps and of writes in all scenarios: each of them comes with every event. */
  readonly kinds: readonly string[];
}

/** Events that depend much on chance; they are drawn more often. */
const weights: Readonly<Record<string, number>> = {
  late: 6,
  'two-at-once': 4,
  silent: 3,
  'dead-man': 2,
  asleep: 2,
  restart: 2,
};

/**
 * First every event with every scenario, every kind of step and every kind of write; then random cases. The seed decides
 * these, and for all cases the moment and the files that follow.
 */
export async function chooseCases(count: number, seed: number): Promise<Choice> {
  const random = createRandom(`walk ${seed}`);
  const courses = new Map<string, Course>();
  for (const scenario of scenarios) courses.set(scenario.name, await followCourse(scenario));
  const kinds = [...new Set([...courses.values()].flatMap(({ writes }) => writes.flat()))].toSorted();
  const names = Object.keys(events);
  const cases = names.flatMap((event) => coverOne(event, kinds, courses, random));
  const hat = names.flatMap((name) => Array.from({ length: weights[name] ?? 1 }, () => name));
  while (cases.length < count) {
    const { name } = random.pick(scenarios);
    const writes = courses.get(name)?.writes.length ?? 1;
    cases.push(draw(name, random.pick(hat), 1 + random.whole(Math.max(1, writes)), courses, random));
  }
  return { cases: cases.slice(0, count), kinds };
}

/** Cases of one event: each scenario once, at a moment that is new where there is one; then the kinds that are left. */
function coverOne(
  event: string,
  kinds: readonly string[],
  courses: ReadonlyMap<string, Course>,
  random: Random,
): Case[] {
  const left = new Set(kinds);
  const cases: Case[] = [];
  const add = (scenario: string, k: number): void => {
    for (const kind of courses.get(scenario)?.writes[k - 1] ?? []) left.delete(kind);
    cases.push(draw(scenario, event, k, courses, random));
  };
  for (const [scenario, { writes }] of courses) {
    const isNew = writes.flatMap((at, index) => (at.some((kind) => left.has(kind)) ? [index + 1] : []));
    add(scenario, isNew.length > 0 ? random.pick(isNew) : 1 + random.whole(Math.max(1, writes.length)));
  }
  for (const kind of kinds) {
    if (!left.has(kind)) continue;
    const places = [...courses].flatMap(([scenario, { writes }]) =>
      writes.flatMap((at, index) => (at.includes(kind) ? [{ scenario, k: index + 1 }] : [])),
    );
    const { scenario, k } = random.pick(places);
    add(scenario, k);
  }
  return cases;
}

function draw(scenario: string, event: string, k: number, courses: ReadonlyMap<string, Course>, random: Random): Case {
  const calls = courses.get(scenario)?.calls ?? 0;
  const m = 1 + random.whole(Math.max(40, Math.ceil(calls * 1.2)));
  return { scenario, event, k, m, follow: random.pick(follows), seed: random.whole(1_000_000) };
}
