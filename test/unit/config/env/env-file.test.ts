// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables in files look so
import { describe, expect, it } from 'vitest';
import { parseEnvFile, parseRawEnvFile } from '../../../../src/config/env/env-file.ts';

const outer: Readonly<Record<string, string>> = { OUT: 'outside', BOTH: 'outside' };
const lookup = (name: string) => (Object.hasOwn(outer, name) ? outer[name] : undefined);

const read = (text: string, raw = false) => {
  const said: { offset: number; message: string; hint?: string; isNote?: true }[] = [];
  const entries = raw
    ? parseRawEnvFile(text, (one) => said.push(one))
    : parseEnvFile(text, lookup, (one) => said.push(one));
  return { values: Object.fromEntries(entries.map(({ name, value }) => [name, value])), said, entries };
};

describe('an env file', () => {
  it.each([
    ['A=b', 'b'],
    ['A = b ', 'b'],
    ['A: b', 'b'],
    ['export A=b', 'b'],
    ['\uFEFFA=b', 'b'],
    ['A=b\r\n', 'b'],
    ['A=', ''],
    ['A=""', ''],
    ["A='b'", 'b'],
    ['A="b"', 'b'],
    ['A=b c', 'b c'],
    ['A=b # comment', 'b'],
    ['A=b# no comment', 'b# no comment'],
    ['A= # comment', ''],
    ['A="b # no comment"', 'b # no comment'],
    ['A="b" # comment', 'b'],
    ["A='b' # comment", 'b'],
    ['# comment\n\n  # more\nA=b', 'b'],
    ['A=x=y=z', 'x=y=z'],
    ["A='$OUT'", '$OUT'],
    ["A='${OUT}'", '${OUT}'],
    ["A='Let\\'s go'", "Let's go"],
    ["A='a\\tb'", 'a\\tb'],
    ["A='a\\\\b'", 'a\\\\b'],
    ['A="{\\"k\\": \\"v\\"}"', '{"k": "v"}'],
    ['A="a\\tb\\nc\\rd\\\\e"', 'a\tb\nc\rd\\e'],
    ['A=a\\tb', 'a\\tb'],
    ['A="a\\xb"', 'a\\xb'],
    ['A="a\\$OUT"', 'a$OUT'],
    ['A=a$$OUT', 'a$OUT'],
    ['A=$OUT', 'outside'],
    ['A="x${OUT}y"', 'xoutsidey'],
    ['A=${NONE:-d}', 'd'],
    ['A=${NONE:-${OUT}}', 'outside'],
    ["A='one\ntwo'", 'one\ntwo'],
    ['A="one\ntwo"', 'one\ntwo'],
    ['B=1\nA=${B}2', '12'],
    ['BOTH=inside\nA=$BOTH', 'outside'],
    ['A=1\nA=2', '2'],
  ])('%j gives A %j', (text, wanted) => {
    expect(read(text)).toMatchObject({ values: { A: wanted }, said: [] });
  });

  it('has names of letters, digits, dots and dashes, and names without a value', () => {
    const { values, said } = read('A.B-c_1=x\nBARE\nexport OTHER\nexported=1\nLAST');
    expect(values).toEqual({ 'A.B-c_1': 'x', BARE: undefined, OTHER: undefined, exported: '1', LAST: undefined });
    expect(said).toEqual([]);
  });

  it.each([
    ['a b=secret', 0],
    ['=secret', 0],
    ['OK=1\n a+b=secret', 6],
    ['OK=1\nA="secret', 5],
    ["OK=1\nA='secret", 5],
    ['A="b"secret', 0],
    ['A=${secret', 0],
    ['A=${NONE:?secret}', 0],
    ['A=x$secret', 0],
  ])('%j is complained about at its place, and nothing of a value is said', (text, offset) => {
    const { said } = read(text);
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ offset });
    expect(JSON.stringify(said)).not.toContain('secret');
  });

  it('reads on behind a line that is wrong', () => {
    expect(read('a b\nA=1\n?\nB=2').values).toEqual({ A: '1', B: '2' });
  });

  it('is taken as it stands where it is raw', () => {
    const { values, said } = read('# c\n\n  A="b $X" # c\r\nB=\'x\nC\nD=1=2\nE F=1', true);
    expect(values).toEqual({ A: '"b $X" # c', B: "'x", C: undefined, D: '1=2' });
    expect(said).toMatchObject([{ offset: 34 }]);
  });
});
