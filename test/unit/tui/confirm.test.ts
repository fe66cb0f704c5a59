import { describe, expect, it } from 'vitest';
import { type ConfirmState, confirmPart, openConfirm } from '../../../src/tui/parts/confirm.ts';
import { type LeaveState, leavePart, openLeave } from '../../../src/tui/parts/leave.ts';
import type { Message } from '../../../src/tui/screen.ts';
import type { EditKey } from '../../../src/tui/text/field.ts';
import { expectFrames, linesOf, play } from './overlay-frames.ts';
import { anInput } from './update-parts.ts';

const input = anInput();
const effect = { type: 'restart', app: 'wiki' } as const;
const asked = openConfirm({
  title: 'restart "wiki" on alpha?',
  lines: ['it is unreachable until it is up again'],
  verb: 'restart',
  effect,
});
const typed = openConfirm({
  title: 'roll "wiki" back?',
  lines: ['its data is kept'],
  verb: 'roll back',
  word: 'wiki',
  effect,
});
const text = (each: string): Message => ({ type: 'text', text: each });
const key = (each: EditKey): Message => ({ type: 'edit-key', key: each });
const answered = (state: ConfirmState, ...messages: Message[]) => play(confirmPart, input, state, messages);

describe('a question', () => {
  it('does nothing at Enter, because Cancel is chosen', () => {
    expect(answered(asked, key('enter'))).toEqual({ closes: true, state: asked });
  });

  it.each<[string, Message[]]>([
    ['y', [text('y')]],
    ['tab and Enter', [key('tab'), key('enter')]],
    ['right and Enter', [key('right'), key('enter')]],
    ['a click on the button', [{ type: 'pick', index: 1 }]],
  ])('is answered with %s', (_name, messages) => {
    expect(answered(asked, ...messages)).toMatchObject({ closes: true, effects: [effect] });
  });

  it.each<[string, Message[]]>([
    ['n', [text('n')]],
    ['Escape', [key('right'), key('escape')]],
    ['there and back', [key('right'), key('left'), key('enter')]],
    ['a click on Cancel', [{ type: 'pick', index: 0 }]],
  ])('is refused with %s', (_name, messages) => {
    const step = answered(asked, ...messages);
    expect([step.closes, step.effects]).toEqual([true, undefined]);
  });

  it('takes every other key for a slip', () => {
    const step = answered(asked, text('a'), text('x'), key('backspace'), key('home'));
    expect([step.state, step.closes]).toEqual([asked, undefined]);
  });

  it('looks as it should on every screen', () => expectFrames('confirm', confirmPart, input, asked));

  it('keeps its answers in sight, however much is said', () => {
    const long = { ...asked, lines: Array.from({ length: 60 }, (_, i) => `line ${i}`) };
    const lines = linesOf(confirmPart, input, long, 60, 16);
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toContain('[ Cancel ]  [ Restart ]');
  });

  it('draws nothing that moves the cursor', () => {
    const hostile = openConfirm({ title: '\u001b[2Jrm?', lines: ['a\u001b[31mb\u0007'], verb: 'go', effect });
    const drawn = confirmPart.draw(input, hostile, { columns: 58, rows: 12 });
    expect(JSON.stringify(drawn)).not.toMatch(/\\u00(0|1)/);
  });
});

describe('a question with a word to type', () => {
  const word = (each: string): Message[] => [...each].map(text);

  it('is answered by the word and Enter', () => {
    expect(answered(typed, ...word('wiki'), key('enter'))).toMatchObject({ closes: true, effects: [effect] });
  });

  it('does nothing for another word, and says so', () => {
    const step = answered(typed, ...word('wik'), key('enter'));
    expect(step).toMatchObject({ closes: true, notice: { tone: 'warn' } });
    expect(step.effects).toBeUndefined();
  });

  it('takes y for a letter, and no button without the word', () => {
    expect(answered(typed, text('y')).state.field.text).toBe('y');
    const step = answered(typed, key('tab'), key('enter'));
    expect(step).toMatchObject({ notice: { text: 'type wiki first' } });
    expect([step.closes, step.effects]).toEqual([undefined, undefined]);
    expect(answered(typed, { type: 'pick', index: 1 }).effects).toBeUndefined();
  });

  it('takes the choice back when the word is changed again', () => {
    expect(answered(typed, ...word('wiki')).state.choice).toBe('go');
    expect(answered(typed, ...word('wiki'), key('backspace')).state.choice).toBe('cancel');
  });

  it('looks as it should on every screen', () => {
    expectFrames('confirm-word', confirmPart, input, answered(typed, ...word('wi')).state);
  });
});

describe('the question of leaving', () => {
  const state: LeaveState = openLeave();

  it('has the harmless answer chosen', () => {
    expect(play(leavePart, input, state, ['open'])).toEqual({ closes: true, state });
  });

  it.each([
    [1, 'after-safe-point'],
    [2, 'now'],
  ])('has answer %i for leaving %s', (index, how) => {
    const down = Array.from({ length: index }, () => 'down' as const);
    expect(play(leavePart, input, state, [...down, 'open'])).toMatchObject({
      closes: true,
      effects: [{ type: 'leave', how }],
    });
    expect(play(leavePart, input, state, [{ type: 'pick', index }])).toMatchObject({
      effects: [{ type: 'leave', how }],
    });
  });

  it('stays at its ends', () => {
    expect(play(leavePart, input, state, ['up']).state.cursor).toBe(0);
    expect(play(leavePart, input, state, ['last', 'down']).state.cursor).toBe(2);
  });

  it('looks as it should on every screen', () => expectFrames('leave', leavePart, input, state));
});
