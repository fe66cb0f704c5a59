import { isName, printCommand } from '../model/command-line.ts';
import { plainText } from '../model/plain-text.ts';
import type { EmptyDisk, SetupEvent, SetupState, SetupStep } from '../model/provisioning.ts';
import { alignRows, cell, type Line, line, type TableRow, type Tone } from './lines.ts';
import { formatBytes } from './wording.ts';

const states: readonly SetupState[] = ['done', 'would do', 'did', 'cannot'];

/** One line of `provision.sh --lines`; undefined for anything else. */
export function parseSetupLine(text: string): SetupEvent | undefined {
  const [word = '', name = '', third = '', ...rest] = text.split('\t').map(plainText);
  if (name === '') return undefined;
  const detail = third === '' ? {} : { detail: third };
  if (word === 'begin') return { type: 'begin', name, ...detail };
  if (word === 'progress') {
    return { type: 'progress', name, percent: Math.min(100, Math.max(0, Number(third) || 0)), text: rest.join(' ') };
  }
  const state = states.find((each) => each === word);
  return state === undefined ? undefined : { type: 'step', name, state, ...detail };
}

/** Whether a host is a node, can become one, or cannot. */
export type SetupVerdict = 'done' | 'would do' | 'cannot';

/** The summary of the steps of a check. */
export function verdictOf(steps: readonly SetupStep[]): SetupVerdict {
  if (steps.some(({ state }) => state === 'cannot')) return 'cannot';
  return steps.some(({ state }) => state === 'would do') ? 'would do' : 'done';
}

const signs: Readonly<Record<SetupState, readonly [sign: string, tone: Tone]>> = {
  done: ['✔', 'ok'],
  did: ['✔', 'ok'],
  'would do': ['→', 'working'],
  cannot: ['✘', 'fault'],
};

/** One line per step, with its state as a sign and as a word: neither colour nor sign is needed. */
export function setupRows(steps: readonly SetupStep[]): readonly TableRow[] {
  return alignRows(
    steps.map(({ name, state, detail }): TableRow => {
      const [sign, tone] = signs[state];
      const head = [cell(`  ${sign} ${state}`, tone), cell(name)];
      return detail === undefined ? head : [...head, cell(detail, state === 'cannot' ? 'fault' : 'faint')];
    }),
  );
}

/** The disks of a host that has no pool, each with the command that takes it; a file where there is none. */
export function diskLines(argv: readonly string[], disks: readonly EmptyDisk[]): readonly Line[] {
  const file = printCommand([...argv, '--pool', '/var/lib/drover-pool.img:20G']);
  if (disks.length === 0) {
    return [line('  it has no empty disk; a file of fixed size can be the pool:'), line(`    ${file}`, 'working')];
  }
  return [
    line(`  ${disks.length === 1 ? 'one disk of it is' : 'these disks of it are'} empty:`),
    ...disks.flatMap(({ path, sizeBytes, model }) => [
      line(`    ${path}  ${formatBytes(sizeBytes)}${model === undefined ? '' : `  ${plainText(model)}`}`),
      ...(path.startsWith('/dev/') && isName(path.slice(1))
        ? [line(`      ${printCommand([...argv, '--pool', path])}`, 'working')]
        : []),
    ]),
    line(`  or a file of fixed size: ${file}`),
  ];
}
