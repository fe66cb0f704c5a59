import { describe, expect, it } from 'vitest';
import { asciiGlyphs } from '../../../../../src/tui/frame/glyphs.ts';
import {
  addLines,
  cleanLine,
  fromCell,
  inPieces,
  type LogEntry,
  type LogsState,
  maxLines,
  patternOf,
} from '../../../../../src/tui/parts/logs/log-lines.ts';
import { logsPart, openLogs } from '../../../../../src/tui/parts/logs/logs.ts';
import type { Message } from '../../../../../src/tui/screen.ts';
import { widthOf } from '../../../../../src/tui/text/fit.ts';
import { aCluster, aConfig, aContainer, anApplication, onNode } from '../../../../builders.ts';
import { expectFrames, inputOf, insideOfScreen, linesOf, play } from '../../overlay-frames.ts';

const size = insideOfScreen(80, 24);
const room = size.rows - 1;
const input = inputOf();

const opened = (...apps: readonly string[]): LogsState => openLogs(apps.length === 0 ? ['db'] : apps);

const line = (text: string, overrides: Partial<LogEntry> = {}): LogEntry => ({
  app: 'db',
  node: 'n1',
  stream: 'stdout',
  text,
  ...overrides,
});
const numbered = (count: number, from = 1): LogEntry[] =>
  Array.from({ length: count }, (_, i) => line(`line ${from + i}`));
const withLines = (lines: readonly LogEntry[], ...apps: readonly string[]): LogsState =>
  addLines(opened(...apps), lines);
const texts = (state: LogsState): readonly string[] => linesOf(logsPart, input, state).map((each) => each.slice(2));
const typed = (text: string): Message => ({ type: 'text', text });
const key = (name: Extract<Message, { type: 'edit-key' }>['key']): Message => ({ type: 'edit-key', key: name });

describe('the logs', () => {
  const mixed = withLines(
    [
      line('GET /health 200', { app: 'web', node: 'n2' }),
      line('checkpoint complete', { app: 'database' }),
      line('could not resize: No space left on device', { app: 'database', stream: 'stderr' }),
      line(`POST /upload 200 ${'0123456789'.repeat(12)}`, { app: 'web', node: 'n2' }),
      line('日本語 in a log', { app: 'web' }),
    ],
    'web',
    'database',
  );

  it('show several applications with their names, and mark standard error', () => {
    expectFrames('logs', logsPart, input, mixed);
    expectFrames(
      'logs-search',
      logsPart,
      input,
      play(logsPart, input, mixed, ['filter', typed('/health|space')]).state,
    );
    expectFrames('logs-wrapped', logsPart, input, { ...mixed, wraps: true });
  });

  it('mark what matches', () => {
    const state = play(logsPart, input, withLines([line('no error, no Error')]), ['filter', typed('error')]).state;
    const [row] = logsPart.draw(input, state, size).rows;
    expect(row?.filter(({ selected }) => selected === true).map(({ text }) => text)).toEqual(['error', 'Error']);
  });

  it('ask for what they show when they open', () => {
    expect(logsPart.reads?.(openLogs(['web', 'db'])).begin).toEqual({ type: 'read-logs', apps: ['web', 'db'] });
    expect(play(logsPart, input, opened(), ['back'])).toMatchObject({ closes: true, effects: [{ type: 'end-logs' }] });
  });

  it('follow the newest line until they are scrolled up, and again from the end', () => {
    let state = withLines(numbered(100));
    expect(texts(state)[room - 1]).toBe('line 100');
    state = play(logsPart, input, state, ['up', 'up']).state;
    expect(state.isFollowing).toBe(false);
    expect(texts(state)[room - 1]).toBe('line 98');
    state = addLines(state, numbered(50, 101));
    expect(texts(state)[room - 1]).toBe('line 98');
    state = play(logsPart, input, state, ['last']).state;
    expect(state.isFollowing).toBe(true);
    expect(texts(addLines(state, numbered(1, 151)))[room - 1]).toBe('line 151');
  });

  it('go on following when the end is reached step by step or by the wheel', () => {
    const up: Message = { type: 'wheel', pane: 'detail', rows: -3 };
    const down: Message = { type: 'wheel', pane: 'detail', rows: 3 };
    const state = withLines(numbered(100));
    expect(play(logsPart, input, state, [up]).state.isFollowing).toBe(false);
    expect(play(logsPart, input, state, [up, down]).state.isFollowing).toBe(true);
    expect(play(logsPart, input, state, ['up', 'down']).state.isFollowing).toBe(true);
    expect(play(logsPart, input, state, ['first', 'follow']).state.isFollowing).toBe(true);
    expect(texts(play(logsPart, input, state, ['follow']).state)[0]).toBe(`line ${100 - room + 1}`);
  });

  it('keep 5,000 lines, and what is looked at stays in sight while older ones go', () => {
    let state = withLines(numbered(maxLines));
    state = play(logsPart, input, state, ['page-up']).state;
    const before = texts(state)[0];
    state = addLines(state, numbered(1000, maxLines + 1));
    expect(state.lines.length).toBe(maxLines);
    expect(texts(state)[0]).toBe(before);
    state = addLines(state, numbered(2 * maxLines, 1));
    expect(state.lines.length).toBe(maxLines);
    expect(state.offset).toBe(0);
  });

  it('look at the lines of the window only, however many there are', () => {
    let reads = 0;
    const lines = Array.from(
      { length: maxLines },
      (_, i): LogEntry => ({
        ...line(''),
        get text() {
          reads += 1;
          return `line ${i}`;
        },
      }),
    );
    for (const wraps of [false, true]) {
      const state: LogsState = { ...opened(), lines, wraps };
      reads = 0;
      logsPart.draw(input, state, size);
      logsPart.draw(input, { ...state, isFollowing: false, offset: 2500 }, size);
      expect(reads).toBeGreaterThan(room);
      expect(reads).toBeLessThan(12 * room);
    }
  });

  it('search with a regular expression, onwards and back, and around', () => {
    const lines = numbered(100).map((each, i) => (i % 30 === 5 ? line(`error ${i + 1}`) : each));
    const found = (...keys: readonly (Message | 'next-match' | 'previous-match' | 'first')[]): LogsState =>
      play(logsPart, input, withLines(lines), ['filter', typed('ERR'.toLowerCase()), key('enter'), ...keys]).state;
    expect(found().lines[found().offset]?.text).toBe('error 96');
    expect(found('previous-match').lines[found('previous-match').offset]?.text).toBe('error 66');
    expect(found('previous-match', 'previous-match', 'previous-match').offset).toBe(5);
    expect(found('previous-match', 'previous-match', 'previous-match', 'previous-match').offset).toBe(95);
    expect(found('next-match').offset).toBe(5);
    const around = play(logsPart, input, found(), ['next-match']);
    expect(around.notice?.text).toBe('search continues at the oldest line');
    expect(linesOf(logsPart, input, found('previous-match')).some((each) => each === '▸ error 66')).toBe(true);
  });

  it('say that nothing matches, and what cannot be searched for yet', () => {
    const state = withLines(numbered(3));
    expect(play(logsPart, input, state, ['filter', typed('zzz'), key('enter')]).notice?.text).toBe(
      'no line matches zzz',
    );
    expect(logsPart.disabledReason?.(input, state, 'next-match')).toBe('search for something first');
    expect(play(logsPart, input, state, ['faults']).notice?.text).toBe('search for something first');
  });

  it('hide what does not match, and show it again where one was', () => {
    const lines = numbered(100).map((each, i) => (i % 10 === 5 ? line(`error ${i + 1}`) : each));
    const search = [
      'filter',
      typed('err'),
      key('enter'),
      'previous-match',
      'previous-match',
      'previous-match',
    ] as const;
    const found = play(logsPart, input, withLines(lines), search).state;
    const hidden = play(logsPart, input, found, ['faults']).state;
    expect(texts(hidden).filter((each) => each.startsWith('line'))).toEqual([]);
    expect(texts(hidden).at(-1)).toContain('10 of 100 lines');
    const shown = play(logsPart, input, hidden, ['faults']).state;
    expect([shown.filter, shown.search.text]).toEqual(['', 'err']);
  });

  it('filter while it is typed, with tab in between, and leave it as it was on escape', () => {
    const state = withLines([line('a warning'), line('an error'), line('a note')]);
    const typing = play(logsPart, input, state, ['filter', typed('err'), key('tab')]).state;
    expect(logsPart.isTyping?.(typing)).toBe(true);
    expect(texts(typing).filter((each) => each !== '' && !each.includes('tab:'))).toEqual(['an error']);
    const set = play(logsPart, input, typing, [key('enter')]).state;
    expect([set.filter, set.searching]).toEqual(['err', 'no']);
    const left = play(logsPart, input, typing, [key('escape')]).state;
    expect([left.filter, left.search.text, left.searching]).toEqual(['', '', 'no']);
  });

  it('go back one layer at a time: the filter, the search, then the logs', () => {
    const searched = play(logsPart, input, withLines(numbered(3)), [
      'filter',
      typed('line'),
      key('enter'),
      'faults',
    ]).state;
    const first = play(logsPart, input, searched, ['back']);
    expect([first.state.filter, first.closes]).toEqual(['', undefined]);
    expect(play(logsPart, input, first.state, ['back']).closes).toBe(true);
  });

  it('move sideways, and wrap instead', () => {
    const state = withLines([line('0123456789abcdefghij'.repeat(10))]);
    const right = play(logsPart, input, state, ['right', 'right', 'left']).state;
    expect(texts(right)[0]?.startsWith('89abcdefghij')).toBe(true);
    expect(texts(right).at(-1)).toContain('om column 9');
    const wrapped = play(logsPart, input, right, ['wrap']).state;
    expect(
      texts(wrapped)
        .filter((each) => /^[0-9a-j]+$/.test(each))
        .join(''),
    ).toBe('0123456789abcdefghij'.repeat(10));
    expect(play(logsPart, input, wrapped, ['right']).state.left).toBe(0);
  });

  it('show the end of a wrapped line that is higher than the screen', () => {
    const state = { ...withLines([line(`${'x'.repeat(3000)}the end`)]), wraps: true };
    expect(texts(state)[room - 1]?.endsWith('the end')).toBe(true);
  });

  it('copy what is shown, with names where there are several', () => {
    expect(play(logsPart, input, withLines(numbered(100)), ['copy']).effects).toEqual([
      {
        type: 'copy',
        text: numbered(room, 100 - room + 1)
          .map(({ text }) => text)
          .join('\n'),
      },
    ]);
    const [effect] = play(logsPart, input, mixed, ['copy']).effects ?? [];
    expect(effect?.type === 'copy' && effect.text.split('\n')[0]).toBe('web: GET /health 200');
    expect(play(logsPart, input, opened(), ['copy']).effects).toBeUndefined();
  });

  it('mark where a log ends because its container did', () => {
    const db = anApplication('db');
    const exited = aContainer(db, 'n1', { state: 'exited', exit: { code: 137, oomKilled: true } });
    const { nodes } = aCluster(onNode('n1', { containers: [exited] }));
    const ended = inputOf({ config: aConfig([db], { n1: ['db'] }), nodes });
    const state = withLines(numbered(100));
    expect(linesOf(logsPart, ended, state)[room - 1]).toBe('  end: "db" ended with 137');
    expect(linesOf(logsPart, ended, state)[room - 2]).toBe('  line 100');
    expect(linesOf(logsPart, input, state)[room - 1]).toBe('  line 100');
  });

  it('say why they cannot be read, and that nothing was written', () => {
    expect(linesOf(logsPart, input, opened())[0]).toBe('  nothing was written yet');
    const error = {
      code: 'docker-failed',
      message: 'cannot read the logs of "db" on n1: gone',
      retryable: true,
      causes: [],
    } as const;
    const failed = play(logsPart, input, withLines(numbered(2)), [{ type: 'logs-failed', error }]).state;
    expect(linesOf(logsPart, input, failed).at(-1)).toBe(error.message);
  });

  it('are exactly as wide as they may be with hostile lines, in either glyph set', () => {
    const hostile = [
      '\u001b[31mred\u001b[0m',
      'a\tb',
      '\u202eevil',
      '👩‍👩‍👧 family',
      'x\u0300'.repeat(90),
      '日'.repeat(90),
      '50 %\r100 %',
    ];
    for (const glyphs of [input.glyphs, asciiGlyphs]) {
      for (const wraps of [false, true]) {
        const state = {
          ...withLines(
            hostile.map((text) => line(text)),
            'db',
            '日本語の名前がとても長い',
          ),
          wraps,
          left: wraps ? 0 : 3,
        };
        const lines = linesOf(logsPart, { ...input, glyphs }, state, 60, 40);
        expect(lines.join('')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
        if (wraps) expect(Math.max(...lines.map(widthOf))).toBeLessThanOrEqual(58);
      }
    }
  });
});

describe('one line of a log', () => {
  it.each([
    ['\u001b[1;31mERROR\u001b[0m no', 'ERROR no'],
    ['a\tb', 'a       b'],
    ['日本\tb', '日本    b'],
    ['10 %\r50 %\r100 %\r', '100 %'],
    ['\u202eabc\u0007', 'abc'],
  ])('%j is shown as %j', (raw, shown) => {
    expect(cleanLine(raw)).toBe(shown);
  });

  it('is cut at 4 KiB, and says so', () => {
    expect(cleanLine('x'.repeat(5000))).toBe(`${'x'.repeat(4096)} [cut]`);
    expect(cleanLine('x'.repeat(4096))).toBe('x'.repeat(4096));
    expect(cleanLine(`${'x'.repeat(4095)}👩`)).toBe(`${'x'.repeat(4095)} [cut]`);
  });

  it('begins at any cell, half of a wide character being a space', () => {
    expect(fromCell('abc', 1)).toBe('bc');
    expect(fromCell('日本語', 2)).toBe('本語');
    expect(fromCell('日本語', 3)).toBe(' 語');
    expect(fromCell('abc', 9)).toBe('');
  });

  it('is cut into pieces that give the line again', () => {
    expect(inPieces('abcdefgh', 3)).toEqual(['abc', 'def', 'gh']);
    expect(inPieces('日本語', 3)).toEqual(['日', '本', '語']);
    expect(inPieces('', 3)).toEqual(['']);
  });
});

describe('a pattern', () => {
  it.each([
    ['err', 'ERROR', true],
    ['Err', 'ERROR', false],
    ['e.r', 'ebr', true],
    ['[', 'a[b', true],
    ['a(b', 'xa(bx', true],
    ['!err', 'fine', true],
    ['!err', 'error', false],
    ['!', 'stop!', true],
  ])('%j on %j is %s', (text, subject, hits) => {
    expect(patternOf(text)?.hits(subject)).toBe(hits);
  });

  it('is none where there is no text', () => {
    expect(patternOf('')).toBeUndefined();
  });
});
