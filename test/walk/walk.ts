import { type Case, playCase, printCase } from './case.ts';
import { chooseCases } from './choose.ts';

/** Cases with the same violation, the first of them in full. */
export interface Finding {
  readonly violation: string;
  readonly cases: readonly string[];
  readonly story: readonly string[];
}

export interface WalkReport {
  readonly tried: number;
  readonly kinds: readonly string[];
  readonly findings: readonly Finding[];
  readonly seconds: number;
}

/** Plays this many cases of a seed. */
export async function walk(count: number, seed: number): Promise<WalkReport> {
  const begun = Date.now();
  const { cases, kinds } = await chooseCases(count, seed);
  const found = new Map<string, { cases: string[]; story: readonly string[] }>();
  for (const one of cases) await note(one, found);
  const findings = [...found]
    .map(([violation, rest]) => ({ violation, ...rest }))
    .toSorted((a, b) => b.cases.length - a.cases.length);
  return { tried: cases.length, kinds, findings, seconds: Math.round((Date.now() - begun) / 1000) };
}

async function note(one: Case, found: Map<string, { cases: string[]; story: readonly string[] }>): Promise<void> {
  const { violations, story } = await playCase(one);
  for (const violation of violations.map(withoutSizes)) {
    const finding = found.get(violation) ?? { cases: [], story };
    finding.cases.push(printCase(one));
    found.set(violation, finding);
  }
}

/** The violation without bytes and times, which differ from case to case. */
const withoutSizes = (text: string): string => text.replace(/\d{4,}/g, '…');

const shownCases = 3;
const shownCharacters = 200;

/** The violations that the walk has found, with the commands that repeat them. */
export function printReport({ tried, findings, seconds }: WalkReport, seed: number): string {
  const cases = new Set(findings.flatMap((finding) => finding.cases));
  const lines = [`walk: ${tried} cases of seed ${seed} in ${seconds} s, ${cases.size} of them with a violation`];
  for (const { violation, cases: all, story } of findings) {
    lines.push('', `${violation} (${all.length} ${all.length === 1 ? 'case' : 'cases'})`);
    for (const text of all.slice(0, shownCases)) lines.push(`  DROVER_WALK_ONLY='${text}' npm run walk`);
    const [newest] = story.slice(-1);
    const shown = story.filter((line, index) => line !== story[index - 1] && line !== newest);
    lines.push(...[...shown, newest ?? ''].map((line) => `    ${line.slice(0, shownCharacters)}`));
  }
  return lines.join('\n');
}
