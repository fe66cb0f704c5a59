import type { Doing, GuideCommand, GuideView } from '../../../tutorial/guide-view.ts';
import type { Verdict } from '../../../tutorial/judge.ts';
import { type Row, type Span, span } from '../../frame/rows.ts';
import type { ScreenInput } from '../../screen.ts';
import { wrapRows } from '../drawing.ts';

// A step as rows: the pane shows as many as fit, the page all of them.

export const textRows = ({ text }: GuideView, width: number): readonly Row[] =>
  text.flatMap((paragraph) => wrapRows(paragraph, width, paragraph.startsWith('  ') ? 'accent' : undefined));

/** What the reader does: by keys here, in an editor, or typed in another terminal. */
export function commandRows(input: ScreenInput, { commands }: GuideView, width: number): readonly Row[] {
  const others = commands.filter(({ act }) => act.kind === 'other');
  return [
    ...commands.flatMap((each) => wayRows(input, each, width)),
    ...(others.length === 0 ? [] : [[span('in another terminal:', 'dim')]]),
    ...others.flatMap(({ text }) => wrapRows(`$ ${text}`, width, 'accent', '    ')),
  ];
}

function wayRows({ about }: ScreenInput, { act, file = '' }: GuideCommand, width: number): readonly Row[] {
  const key = about.keyOf('move');
  switch (act.kind) {
    case 'apply':
      return wrapRows('drover applies these files automatically.', width, 'strong');
    case 'move': {
      const byKey = key === undefined ? '' : `press ${key} on "${act.app}" and choose ${act.to}, or `;
      const text = `${byKey}move ${act.app} to the list of ${act.to} in ${file} and save`;
      return wrapRows(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`, width, 'strong');
    }
    case 'other':
      return [];
  }
}

/** What each command prints, as the page shows it. */
export function expectedRows({ commands }: GuideView, width: number): readonly Row[] {
  const printing = commands.filter(({ act }) => act.kind === 'other');
  if (printing.length === 0) return [];
  return [
    [span('what they print:', 'dim')],
    ...printing.flatMap(({ text, expected }) => [
      ...wrapRows(`$ ${text}`, width, 'accent', '    '),
      ...(expected.length === 0 ? [[span('  (nothing)', 'dim')]] : []),
      ...expected.flatMap((line) => wrapRows(`  ${line}`, width, 'dim')),
    ]),
  ];
}

export const verdictRows = (input: ScreenInput, { verdicts }: GuideView, width: number): readonly Row[] =>
  verdicts.flatMap((each) => verdictRow(input, each, width));

function verdictRow({ glyphs }: ScreenInput, { text, holds, why }: Verdict, width: number): readonly Row[] {
  const sign = span(`${holds ? glyphs.done : glyphs.waiting} `, holds ? 'ok' : 'warn');
  const words = holds || why === undefined ? text : `${text}: ${why}`;
  return behind(sign, wrapRows(words, width - 2, holds ? 'ok' : undefined));
}

/** Rows behind a sign of two cells. */
const behind = (sign: Span, rows: readonly Row[]): readonly Row[] =>
  rows.map((row, i) => [i === 0 ? sign : span('  '), ...row]);

export function hintRows({ hint }: GuideView, width: number): readonly Row[] {
  return hint === undefined ? [] : wrapRows(`hint: ${hint}`, width, 'warn', '  ');
}

/** The commands that are run for the reader, and the last `most` lines that each printed. */
export const doingRows = (input: ScreenInput, { doing }: GuideView, width: number, most: number): readonly Row[] =>
  doing.flatMap((each) => commandRun(input, each, width, most));

/** The step that was completed last, with what drover did for the reader. */
export function beforeRows(input: ScreenInput, { before }: GuideView, width: number, most: number): readonly Row[] {
  if (before === undefined) return [];
  const { title, doing } = before;
  return [
    ...behind(span(`${input.glyphs.done} `, 'ok'), wrapRows(title, width - 2, 'dim')),
    ...doing.flatMap((each) => commandRun(input, each, width, most)),
  ];
}

function commandRun(
  { glyphs }: ScreenInput,
  { command, lines, state }: Doing,
  width: number,
  most: number,
): readonly Row[] {
  const [sign, token] = {
    running: [glyphs.changing, 'accent'] as const,
    done: [glyphs.done, 'ok'] as const,
    failed: [glyphs.failed, 'bad'] as const,
  }[state];
  return [
    ...behind(span(`${sign} `, token), wrapRows(`$ ${command}`, width - 2, 'accent', '  ')),
    ...lines.slice(-most).flatMap((line) => wrapRows(`  ${line}`, width, state === 'failed' ? 'bad' : 'dim', '  ')),
  ];
}

/** The text at the end of a part, and at the end of the tutorial. */
export function overRows(input: ScreenInput, view: GuideView, width: number): readonly Row[] {
  const { over, after, learnt, next } = view;
  if (over === undefined) return [];
  const closing = after.flatMap((text) => wrapRows(text, width));
  const key = input.about.keyOf('guide-next') ?? '>';
  if (over === 'part') {
    return [...closing, ...wrapRows(`This part is done. ${key} opens the next one.`, width, 'ok')];
  }
  return [
    ...wrapRows('All steps are done. What you know now:', width, 'ok'),
    ...learnt.flatMap((text) => wrapRows(`${input.glyphs.done} ${text}`, width, undefined, '  ')),
    ...wrapRows(
      next === undefined
        ? '`drover tutorial` lists the others; --reset starts this one again.'.replaceAll('`', '')
        : `The next tutorial: drover tutorial ${next}`,
      width,
      'strong',
    ),
  ];
}
