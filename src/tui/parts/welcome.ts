import type { Offer } from '../deps.ts';
import { type Row, type Size, span } from '../frame/rows.ts';
import type { About, Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import type { Effect } from '../state.ts';
import { fitText } from '../text/fit.ts';
import { cursorAfter, drawList } from './list.ts';

export interface WelcomeState {
  readonly kind: 'welcome';
  readonly cursor: number;
}

/** The first page, which has nothing behind it. */
export const openWelcome = (): WelcomeState => ({ kind: 'welcome', cursor: 0 });

interface Choice {
  readonly text: string;
  /** Writes into the folder. */
  readonly writes?: true;
  readonly effect: Effect;
}

const always: readonly Choice[] = [
  { text: 'look at a simulated cluster', effect: { type: 'look-at-simulation' } },
  { text: 'quit', effect: { type: 'leave', how: 'now' } },
];

const samples: readonly Choice[] = [
  { text: 'write a small sample of both here', writes: true, effect: { type: 'write-sample', sample: 'sample' } },
  {
    text: 'write the files of the MongoDB tutorial here',
    writes: true,
    effect: { type: 'write-sample', sample: 'tutorial' },
  },
  ...always,
];

const offered: readonly Choice[] = [
  { text: 'write deployment.yml', writes: true, effect: { type: 'write-offer' } },
  ...always,
];

const choicesOf = ({ offer }: About): readonly Choice[] => (offer === undefined ? samples : offered);

/** The first page, in a folder without files: what the two files are, and ways to begin. */
export const welcomePart: OverlayPart<WelcomeState> = {
  kind: 'welcome',
  isDialog: true,
  isFirstPage: true,
  actions: ['open', 'up', 'down', 'first', 'last'],
  inFooter: 3,
  labelOf: (_state, action) =>
    action === 'open' ? 'do it' : action === 'up' ? '' : action === 'down' ? 'choose' : undefined,
  disabledReason: ({ about }, { cursor }, action) =>
    action === 'open' ? reasonAgainst(choicesOf(about)[cursor], about) : undefined,
  draw,
  update,
};

const reasonAgainst = (choice: Choice | undefined, about: About): string | undefined =>
  choice?.writes === true && about.isReadOnly ? 'read-only' : undefined;

const application = ['version: 1', 'applications:', '  web:', '    image: nginx:1.27'];
const deployment = ['version: 1', 'nodes:', '  192.0.2.11: [web]', '  192.0.2.12: []'];

function draw(input: ScreenInput, { cursor }: WelcomeState, size: Size): Drawn {
  const choices = choicesOf(input.about);
  return {
    title: [span('welcome to drover', 'title')],
    ...drawList({
      size,
      cursor,
      head: input.about.offer === undefined ? samplesHead(input, size) : offerHead(input.about.offer, size),
      lines: choices.length,
      draw: () => choices.map((choice, i) => choiceRow(input, choice, i === cursor)),
    }),
  };
}

/** The files that would be written; a long one is cut, so that the choices stay in sight. */
function offerHead({ application, isPlaceholder, files }: Offer, size: Size): readonly Row[] {
  const gap: readonly Row[] = size.rows >= 17 ? [[]] : [];
  const head: readonly Row[] = [[span(`${application} says what runs; deployment.yml says where:`, 'strong')], ...gap];
  const foot: readonly Row[] = [
    ...gap,
    ...(isPlaceholder ? [[span('No node is known yet: the address is an example. Edit it after that.', 'warn')]] : []),
  ];
  const lines = files.flatMap(({ file, text }): readonly Row[] => [
    [span(file, 'title')],
    ...text
      .trimEnd()
      .split('\n')
      .map((line): Row => [span(`  ${line}`, 'dim')]),
  ]);
  const room = Math.max(2, size.rows - head.length - foot.length - offered.length);
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), [span('  …', 'dim')]];
  return [...head, ...shown, ...foot];
}

/** What the two files are, with an example. */
function samplesHead(input: ScreenInput, size: Size): readonly Row[] {
  const isTall = size.rows >= 17;
  const gap: readonly Row[] = isTall ? [[]] : [];
  return [
    [span(`no files yet in ${input.about.folder === '.' ? 'this folder' : input.about.folder}`, 'strong')],
    ...gap,
    [span('Two files say what should run where; drover does the rest:')],
    ...gap,
    ...exampleRows(size),
    ...gap,
    [span('Put "web" in the other list, save: it and its data move.')],
    ...(isTall ? [[span('Or bring your own: drover runs a compose.yaml as it is.')]] : []),
    ...gap,
  ];
}

function exampleRows({ columns }: Size): readonly Row[] {
  const width = Math.min(34, Math.floor(columns / 2));
  const head: Row = [
    span(fitText('application.yml: what runs', width), 'title'),
    span('deployment.yml: where', 'title'),
  ];
  return [
    head,
    ...application.map((line, i) => [
      span(fitText(`  ${line}`, width), 'dim'),
      span(`  ${deployment[i] ?? ''}`, 'dim'),
    ]),
  ];
}

function choiceRow({ glyphs, about }: ScreenInput, choice: Choice, isAt: boolean): Row {
  const reason = reasonAgainst(choice, about);
  return [
    span(`${isAt ? glyphs.cursor : ' '} ${choice.text}`, reason === undefined ? 'accent' : 'dim'),
    ...(reason === undefined ? [] : [span(` (${reason})`, 'dim')]),
  ];
}

function update({ about }: ScreenInput, state: WelcomeState, message: Message): Update<WelcomeState> {
  if (message.type === 'pick') return choose(message.index, about);
  if (message.type === 'action' && message.action === 'open') return choose(state.cursor, about);
  const { length } = choicesOf(about);
  const cursor = cursorAfter(message, state.cursor, length, length);
  return cursor === undefined ? {} : { state: { ...state, cursor } };
}

function choose(index: number, about: About): Update<WelcomeState> {
  const choice = choicesOf(about)[index];
  if (choice === undefined) return {};
  const reason = reasonAgainst(choice, about);
  return reason === undefined ? { effects: [choice.effect] } : { notice: { text: reason, tone: 'warn' } };
}
