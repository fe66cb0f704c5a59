import { plainText } from '../../model/plain-text.ts';
import { matchesPage } from '../../tutorial/console-blocks.ts';
import { type Findings, type Printed, portKey } from '../../tutorial/judge.ts';
import { type ReaderPlace, wordsOf } from '../../tutorial/reader-place.ts';
import type { Check, Tutorial, TutorialStep } from '../../tutorial/types.ts';
import type { TutorialWorld } from './world.ts';

/** Results of connections and commands from outside, as a reader would make them. */
export type Answers = Pick<Findings, 'ports' | 'printed'>;

export const noAnswers: Answers = { ports: {}, printed: {} };

const probeMs = 3000;
const runMs = 60_000;

/** True if a check needs a connection or a command. */
export const asksOutside = ({ checks }: TutorialStep): boolean =>
  checks.some(({ kind }) => kind === 'answers' || kind === 'prints');

/** Makes the connections and runs the commands that the step's checks need. Reads only. Throws only if aborted. */
export async function askOutside(
  step: TutorialStep,
  tutorial: Tutorial,
  {
    world,
    place,
    signal,
  }: { readonly world: TutorialWorld; readonly place: ReaderPlace; readonly signal: AbortSignal },
): Promise<Answers> {
  const ports: Record<string, 'accepted' | 'refused' | 'held'> = {};
  const printed: Record<string, Printed> = {};
  for (const check of step.checks) {
    if (check.kind === 'answers') {
      await Promise.all(
        check.through.map(async (node) => {
          const within = AbortSignal.any([signal, AbortSignal.timeout(probeMs)]);
          const answer = await world.probe(tutorial.nodes[node] ?? node, check.port, within);
          ports[portKey(node, check.port)] = answer;
        }),
      );
    }
    if (check.kind === 'prints') printed[check.command] = await print(check, step, tutorial, { world, place, signal });
    signal.throwIfAborted();
  }
  return { ports, printed };
}

async function print(
  { command }: Extract<Check, { kind: 'prints' }>,
  step: TutorialStep,
  tutorial: Tutorial,
  { world, place, signal }: Parameters<typeof askOutside>[2],
): Promise<Printed> {
  const words = wordsOf(command, tutorial, place);
  const expected = step.commands.find(({ text }) => text === command)?.expected ?? [];
  if (words === undefined) return { matches: false, instead: 'the command cannot be read' };
  const within = AbortSignal.any([signal, AbortSignal.timeout(runMs)]);
  const { code, stdout, output } = await world.run(words, () => undefined, within);
  if (code === 0 && matchesPage(stdout, expected)) return { matches: true };
  const last = (code === 0 ? stdout : output).trimEnd().split('\n').at(-1) ?? '';
  return { matches: false, instead: code === 0 ? `it prints: ${plainText(last) || 'nothing'}` : whyNot(output, last) };
}

/** An installed package does not include the database's client. */
function whyNot(output: string, last: string): string {
  const missing = /Cannot find package '([^']+)'/.exec(output)?.[1];
  return missing === undefined ? plainText(last) : `it needs a package: npm install -g ${missing}`;
}
