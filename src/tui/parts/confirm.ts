import { plainText } from '../../model/plain-text.ts';
import { type Row, type Size, type Span, span } from '../frame/rows.ts';
import type { Drawn, Message, OverlayPart, ScreenInput, Update } from '../screen.ts';
import type { Effect } from '../state.ts';
import { drawField, type EditKey, editField, emptyField, type Field, insertText } from '../text/field.ts';
import { widthOf } from '../text/fit.ts';
import { wrapRows } from './drawing.ts';

/** What a question says, and what follows where the answer is yes. */
export interface Question {
  readonly title: string;
  readonly lines: readonly string[];
  /** What the button says that is not Cancel. */
  readonly verb: string;
  /** Has to be typed before the button works: for what is hard to take back. */
  readonly word?: string;
  readonly effect: Effect;
}

export interface ConfirmState extends Question {
  readonly kind: 'confirm';
  readonly field: Field;
  readonly choice: 'cancel' | 'go';
}

/** The question, with Cancel chosen. */
export const openConfirm = (question: Question): ConfirmState => ({
  kind: 'confirm',
  ...question,
  field: emptyField,
  choice: 'cancel',
});

/** A question before something is done. */
export const confirmPart: OverlayPart<ConfirmState> = {
  kind: 'confirm',
  isDialog: true,
  actions: ['open', 'back'],
  inFooter: 2,
  labelOf: ({ choice, verb }, action) => (action === 'back' ? 'cancel' : choice === 'go' ? plainText(verb) : ''),
  // All keys are text, so that y and n answer and no other letter does anything.
  isTyping: () => true,
  draw,
  slice: (_input, state) => [state],
  update,
};

const indent = 2;

function draw(_input: ScreenInput, state: ConfirmState, size: Size): Drawn {
  const width = Math.max(8, size.columns - 2 * indent);
  const above = [
    [],
    ...state.lines.flatMap((text) => wrapRows(text, width).map((row): Row => [span(' '.repeat(indent)), ...row])),
    [],
    ...wordRows(state, width),
  ];
  // The buttons stay in sight however long the text above them is.
  const rows = [...above.slice(0, Math.max(0, size.rows - 1)), buttonRow(state)];
  const y = rows.length - 1;
  const cancel = widthOf(buttonText(state, 'cancel'));
  return {
    title: [span(plainText(state.title), 'title')],
    rows,
    hits: [
      { x: indent, y, columns: cancel, rows: 1, click: { type: 'pick', index: 0 } },
      {
        x: indent * 2 + cancel,
        y,
        columns: widthOf(buttonText(state, 'go')),
        rows: 1,
        click: { type: 'pick', index: 1 },
      },
    ],
  };
}

function wordRows({ word, field }: ConfirmState, width: number): readonly Row[] {
  if (word === undefined) return [];
  const lead = `type ${word} to continue: `;
  return [
    [span(' '.repeat(indent)), span(lead), ...drawField(field, Math.max(8, width - widthOf(lead)), 'strong')],
    [],
  ];
}

const buttonText = ({ verb }: ConfirmState, name: ConfirmState['choice']): string => {
  const text = name === 'cancel' ? 'Cancel' : verb.charAt(0).toUpperCase() + verb.slice(1);
  return `[ ${plainText(text)} ]`;
};

function buttonRow(state: ConfirmState): Row {
  const button = (name: ConfirmState['choice']): Span => ({
    text: buttonText(state, name),
    token: name === 'go' ? 'change' : 'plain',
    ...(state.choice === name ? { selected: true } : {}),
  });
  const gap = span(' '.repeat(indent));
  const keys = state.word === undefined ? [span('   y yes · n no · tab changes', 'dim')] : [];
  return [gap, button('cancel'), gap, button('go'), ...keys];
}

function update(_input: ScreenInput, state: ConfirmState, message: Message): Update<ConfirmState> {
  switch (message.type) {
    case 'text':
      return state.word === undefined
        ? answer(state, message.text)
        : type(state, insertText(state.field, message.text));
    case 'edit-key':
      return edit(state, message.key);
    case 'pick':
      return message.index === 0 ? { closes: true } : go(state);
    case 'action':
      if (message.action === 'back') return { closes: true };
      return message.action === 'open' ? decide(state) : {};
    default:
      return {};
  }
}

function answer(state: ConfirmState, text: string): Update<ConfirmState> {
  if (text === 'y' || text === 'Y') return go(state);
  if (text === 'n' || text === 'N' || text === 'q') return { closes: true };
  return ['h', 'l'].includes(text) ? { state: other(state) } : {};
}

/** Typing the word chooses the button. */
const type = (state: ConfirmState, field: ConfirmState['field']): Update<ConfirmState> => ({
  state: { ...state, field, choice: field.text === state.word ? 'go' : 'cancel' },
});

const other = (state: ConfirmState): ConfirmState => ({ ...state, choice: state.choice === 'go' ? 'cancel' : 'go' });

function edit(state: ConfirmState, key: EditKey): Update<ConfirmState> {
  if (key === 'escape') return { closes: true };
  if (key === 'enter') return decide(state);
  if (key === 'tab' || key === 'up' || key === 'down') return { state: other(state) };
  if (state.word !== undefined) return type(state, editField(state.field, key));
  return key === 'left' || key === 'right' ? { state: other(state) } : {};
}

function decide(state: ConfirmState): Update<ConfirmState> {
  if (state.choice === 'go') return go(state);
  const isMistyped = state.word !== undefined && state.field.text !== '';
  return { closes: true, ...(isMistyped ? { notice: { text: notTyped(state), tone: 'warn' } } : {}) };
}

function go(state: ConfirmState): Update<ConfirmState> {
  if (state.word !== undefined && state.field.text !== state.word) {
    return { notice: { text: `type ${plainText(state.word)} first`, tone: 'warn' } };
  }
  return { closes: true, effects: [state.effect] };
}

const notTyped = ({ verb, word = '' }: ConfirmState): string =>
  plainText(`${verb}: nothing was done, because you did not type ${word}`);
