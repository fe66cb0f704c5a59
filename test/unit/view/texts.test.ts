import { describe, expect, it } from 'vitest';
import { plainText } from '../../../src/model/plain-text.ts';
import { closest } from '../../../src/view/closest.ts';
import { diffLines } from '../../../src/view/diff.ts';
import { alignRows, cell, numberCell } from '../../../src/view/lines.ts';
import { redact } from '../../../src/view/redact.ts';
import fc from '../../support/random.ts';

describe('redact', () => {
  it('hides the values of every environment and keeps the names', () => {
    const config = { applications: { db: { image: 'x', environment: { PASSWORD: 'hunter2', EMPTY: '' } } } };
    const event = {
      at: 1,
      steps: [{ action: { spec: config.applications.db, imageDefaults: { environment: { A: 'b' } } } }],
    };
    const text = JSON.stringify([redact(config), redact(event)]);
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('"b"');
    expect(text).toContain('PASSWORD');
    expect(config.applications.db.environment.PASSWORD).toBe('hunter2');
  });

  it('leaves an application that is called "environment" alone', () => {
    const applications = { environment: { image: 'x', environment: { A: 'secret' } } };
    expect(redact(applications)).toEqual({ environment: { image: 'x', environment: { A: '(hidden)' } } });
  });

  it('changes nothing else', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        fc.pre(!json.includes('environment'));
        expect(redact(JSON.parse(json))).toEqual(JSON.parse(json));
      }),
    );
  });
});

describe('plainText', () => {
  it('takes colours, window titles and cursor movements away', () => {
    expect(plainText('\u001b[31mred\u001b[0m \u001b]0;title\u0007x\u001b[2J\r\ny\tz')).toBe('red x y\tz');
  });
});

describe('alignRows', () => {
  it('pads all but the last cell, numbers on the left', () => {
    const rows = alignRows([
      [cell('a'), numberCell('1'), cell('x')],
      [cell('long'), numberCell('100'), cell('yy')],
      [cell('b')],
    ]);
    expect(rows.map((row) => row.map(({ text }) => text).join('|'))).toEqual(['a   |  1|x', 'long|100|yy', 'b']);
  });
});

describe('closest', () => {
  it.each([
    ['aply', 'apply'],
    ['statsu', 'status'],
    ['plan', 'plan'],
    ['xyz', undefined],
  ])('for %s means %s', (word, meant) => expect(closest(word, ['apply', 'status', 'plan', 'move'])).toBe(meant));
});

describe('diffLines', () => {
  it('shows only what went and what came', () => {
    const lines = diffLines('a\nb\nc\nd\n', 'a\nB\nc\nd\ne\n');
    expect(lines.map(({ text }) => text)).toEqual(['    2 - b', '    2 + B', '    5 + e']);
  });

  it('is enough to make the new text from the old one', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 8 }).map((each) => each.join('\n'));
    fc.assert(
      fc.property(text, text, (before, after) => {
        const edits = diffLines(before, after).map((each) => /^ *(\d+) ([-+]) (.*)$/s.exec(each.text));
        const gone = new Set(edits.filter((each) => each?.[2] === '-').map((each) => Number(each?.[1])));
        const lines = before.split('\n').filter((_, i) => !gone.has(i + 1));
        for (const edit of edits) if (edit?.[2] === '+') lines.splice(Number(edit[1]) - 1, 0, edit[3] ?? '');
        expect(lines.join('\n')).toBe(after);
      }),
    );
  });
});
