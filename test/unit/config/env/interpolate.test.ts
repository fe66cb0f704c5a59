// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in files look so
import { describe, expect, it } from 'vitest';
import { interpolate } from '../../../../src/config/env/interpolate.ts';

const values: Readonly<Record<string, string>> = { SET: 'value', EMPTY: '', OTHER: '$SET', _x1: 'u', A: 'a', B: 'b' };
const lookup = (name: string) => (Object.hasOwn(values, name) ? values[name] : undefined);

describe('variables in a text', () => {
  it.each([
    ['$SET', 'value'],
    ['${SET}', 'value'],
    ['x${SET}y$SET.z', 'xvalueyvalue.z'],
    ['$_x1-${_x1}', 'u-u'],
    ['${NONE}', ''],
    ['$NONE!', '!'],
    ['${EMPTY}', ''],
    ['${OTHER}', '$SET'],
    ['$$SET', '$SET'],
    ['$${SET}', '${SET}'],
    ['$$$SET', '$value'],
    ['$$$$', '$$'],
    ['${SET:-d}', 'value'],
    ['${EMPTY:-d}', 'd'],
    ['${NONE:-d}', 'd'],
    ['${SET-d}', 'value'],
    ['${EMPTY-d}', ''],
    ['${NONE-d}', 'd'],
    ['${NONE:-}', ''],
    ['${NONE-}', ''],
    ['${SET:?no}', 'value'],
    ['${SET?no}', 'value'],
    ['${EMPTY?no}', ''],
    ['${SET:+other}', 'other'],
    ['${EMPTY:+other}', ''],
    ['${NONE:+other}', ''],
    ['${SET+other}', 'other'],
    ['${EMPTY+other}', 'other'],
    ['${NONE+other}', ''],
    ['${NONE:-${SET}}', 'value'],
    ['${NONE:-${NONE2:-${SET}}}', 'value'],
    ['${NONE:-a${A}b$B}c', 'aabbc'],
    ['${SET:+${A}${B}}', 'ab'],
    ['${NONE:-a:b-c?d+e}', 'a:b-c?d+e'],
    ['${NONE:-{"k":1}}', '{"k":1}'],
    ['http://${NONE:-localhost}:${NONE:-80}/', 'http://localhost:80/'],
    ['${NONE-$$5}', '$5'],
    ['^a$', '^a$'],
    ['$1 $ x $.', '$1 $ x $.'],
    ['${SET:-{"k":{}}}!', 'value!'],
    ['${NONE:-{{.Name}}}', '{{.Name}}'],
    ['${NONE:-{}', '{'],
    ['nothing', 'nothing'],
    ['', ''],
  ])('%s is %s', (text, wanted) => {
    expect(interpolate(text, lookup)).toMatchObject({ ok: true, text: wanted });
  });

  it.each([
    '${',
    '${}',
    '${SET',
    '${1A}',
    '${SET:}',
    '${SET:x}',
    '${SET }',
    '${SET/x/y}',
    '${NONE:-${A}',
    `${'${A:-'.repeat(10)}${'}'.repeat(9)}`,
  ])('%s is malformed', (text) => {
    expect(interpolate(text, lookup)).toMatchObject({ ok: false });
  });

  it.each([
    ['${NONE:?say it}', 'not set', 'NONE: say it'],
    ['${NONE?say it}', 'not set', 'NONE: say it'],
    ['${EMPTY:?}', 'empty', 'EMPTY'],
  ])('%s is required', (text, message, said) => {
    expect(interpolate(text, lookup)).toMatchObject({ ok: false, message: expect.stringContaining(message), said });
  });

  it('says what it used and what is not set', () => {
    expect(interpolate('${SET} $NONE ${NONE:-x} ${MORE}', lookup)).toMatchObject({
      used: ['SET'],
      unset: [
        { name: 'NONE', isBraced: false },
        { name: 'MORE', isBraced: true },
      ],
    });
  });

  it('ends on any nesting and on any length', () => {
    expect(interpolate(`${'${N:-'.repeat(5000)}${'}'.repeat(5000)}`, lookup)).toMatchObject({ ok: false });
    const long = (name: string) => (name === 'L' ? 'x'.repeat(100_000) : undefined);
    expect(interpolate('$L'.repeat(100), long)).toMatchObject({ ok: false });
  });
});
