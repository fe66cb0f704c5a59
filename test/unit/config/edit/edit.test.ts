import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { moveApplication } from '../../../../src/config/edit/edit.ts';
import fc from '../../../support/random.ts';

const edited = (text: string, app: string, node: string): string => {
  const result = moveApplication(text, app, node);
  if ('problem' in result) throw new Error(result.problem);
  return result.text;
};

describe('moveApplication', () => {
  it('edits brackets that are closed below their key', () => {
    const before = 'version: 1\nnodes: {\n  n1: [\n  a, # here\n  b\n  ],\n  n2: []\n}\n';
    expect(moveApplication(before, 'b', 'n2')).toEqual({
      text: 'version: 1\nnodes: {\n  n1: [\n  a # here\n  ],\n  n2: [b]\n}\n',
    });
  });

  const rows: readonly (readonly [name: string, before: string, after: string])[] = [
    [
      'a flow list into an empty one',
      'nodes:\n  n1: [db] # one\n  n2: [] # two\n',
      'nodes:\n  n1: [] # one\n  n2: [db] # two\n',
    ],
    ['out of the middle', 'nodes:\n  n1: [a, db, c]\n  n2: [d]\n', 'nodes:\n  n1: [a, c]\n  n2: [d, db]\n'],
    ['out of the front', 'nodes: {n1: [db, c], n2: []}\n', 'nodes: {n1: [c], n2: [db]}\n'],
    ['out of the end', 'nodes: {n1: [a, db], n2: [x]}\n', 'nodes: {n1: [a], n2: [x, db]}\n'],
    ['a trailing comma', 'nodes:\n  n1: [a, db,]\n  n2: [x,]\n', 'nodes:\n  n1: [a, ]\n  n2: [x, db,]\n'],
    [
      'a block list with its comment',
      'nodes:\n  n1:\n    # first\n    - a\n    - db # big\n  n2:\n    - c # c\n# end\n',
      'nodes:\n  n1:\n    # first\n    - a\n  n2:\n    - c # c\n    - db # big\n# end\n',
    ],
    [
      'the only one of a block list',
      'nodes:\n  n1: # home\n  - db\n  n2: []\n',
      'nodes:\n  n1: [] # home\n  n2: [db]\n',
    ],
    ['a comment into a flow list', 'nodes:\n  n1:\n  - db # big\n  n2: []\n', 'nodes:\n  n1: []\n  n2: [db] # big\n'],
    [
      'a comment next to another',
      'nodes:\n  n1:\n  - db # big\n  n2: [] # idle\n',
      'nodes:\n  n1: []\n  # big\n  n2: [db] # idle\n',
    ],
    ['a node with nothing', 'nodes:\n  n1: [db]\n  n2:\n', 'nodes:\n  n1: []\n  n2: [db]\n'],
    ['a node with null', 'nodes:\n  n1: [db]\n  n2: ~ # x\n', 'nodes:\n  n1: []\n  n2: [db] # x\n'],
    ['a node the file does not have', 'nodes:\n  n1:\n    - db', 'nodes:\n  n1: []\n  n2: [db]'],
    ['into an empty mapping', 'nodes: {}\n', 'nodes: {n2: [db]}\n'],
    ['into a mapping on one line', 'nodes: {n1: [db]}\n', 'nodes: {n1: [], n2: [db]}\n'],
    ['CRLF', 'nodes:\r\n  n1:\r\n  - db\r\n  n2:\r\n  - a\r\n', 'nodes:\r\n  n1: []\r\n  n2:\r\n  - a\r\n  - db\r\n'],
    [
      'quotes and a byte order mark',
      '\uFEFFnodes:\n  n1: ["db", a]\n  n2: []\n',
      '\uFEFFnodes:\n  n1: [a]\n  n2: ["db"]\n',
    ],
    [
      'a flow list over several lines',
      'nodes:\n  n1: [\n    a, # a\n    db, # db\n    c # c\n    ]\n  n2: []\n',
      'nodes:\n  n1: [\n    a, # a\n    # db\n    c # c\n    ]\n  n2: [db]\n',
    ],
    [
      'no line break at the end',
      'nodes:\n  n2:\n  - a\n  n1:\n  - c\n  - db',
      'nodes:\n  n2:\n  - a\n  - db\n  n1:\n  - c',
    ],
    ['one that is on no node yet', 'nodes:\n  n2: [a]\n', 'nodes:\n  n2: [a, db]\n'],
    ['one that is there already', 'nodes:\n  n2: [db]\n', 'nodes:\n  n2: [db]\n'],
  ];
  it.each(rows)('moves %s', (_name, before, after) => {
    expect(edited(before, 'db', 'n2')).toBe(after);
  });

  it('quotes names that YAML would read as something else', () => {
    expect(edited('nodes:\n  n1: []\n', '1.0', 'fe80::1')).toBe('nodes:\n  n1: []\n  "fe80::1": ["1.0"]\n');
  });

  it.each([
    ['an alias', 'nodes:\n  n1: &x [db]\n  n2: *x\n'],
    ['broken YAML', 'nodes:\n  n1: [db\n'],
    ['no nodes', 'version: 1\n'],
    ['an anchored item', 'nodes:\n  n1: [&a db]\n  n2: [*a]\n'],
    ['a scalar where a list should be', 'nodes:\n  n1: [db]\n  n2: text\n'],
  ])('refuses %s instead of writing something wrong', (_name, text) => {
    expect(moveApplication(text, 'db', 'n2')).toHaveProperty('problem');
  });

  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,5}$/);
  const comment = fc.option(fc.stringMatching(/^[ a-z#:[\],-]{0,8}$/), { nil: undefined });
  const node = fc.record({
    style: fc.constantFrom('flow', 'lines', 'block', 'indented'),
    quote: fc.constantFrom('', '"', "'"),
    comments: fc.array(comment, { minLength: 6, maxLength: 6 }),
  });
  const deployment = fc.record({
    apps: fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
    nodes: fc.array(node, { minLength: 2, maxLength: 4 }),
    homes: fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }),
    newline: fc.constantFrom('\n', '\r\n'),
    atEnd: fc.boolean(),
  });

  it('says what was meant and keeps every comment, however the file is written', () => {
    fc.assert(
      fc.property(deployment, fc.nat(), fc.nat(4), ({ apps, nodes, homes, newline, atEnd }, pick, to) => {
        const lists = nodes.map((_, i) => apps.filter((_app, at) => (homes[at] ?? 0) % nodes.length === i));
        const text = `${['version: 1', 'nodes:', ...nodes.flatMap((each, i) => write(`n${i}`, lists[i] ?? [], each))].join(newline)}${atEnd ? newline : ''}`;
        const app = apps[pick % apps.length] ?? '';
        const after = edited(text, app, `n${to}`);
        const wanted = Object.fromEntries(
          lists.map((list, i) => [`n${i}`, i === to ? list : list.filter((each) => each !== app)]),
        );
        const target = wanted[`n${to}`] ?? [];
        wanted[`n${to}`] = target.includes(app) ? target : [...target, app];
        expect(load(after)).toEqual({ version: 1, nodes: wanted });
        const remarks = (source: string): string[] =>
          source.split(/\r?\n/).flatMap((each) => /(?<=^|\s)#@.*$/.exec(each)?.[0].trimEnd() ?? []);
        expect(remarks(after).toSorted()).toEqual(remarks(text).toSorted());
        expect(after.includes('\r\n')).toBe(text.includes('\r\n'));
      }),
      { numRuns: 500 },
    );
  });
});

type NodeStyle = { style: string; quote: string; comments: (string | undefined)[] };

/** `#@` marks a remark, so that the test finds them without knowing YAML. */
function write(name: string, apps: readonly string[], { style, quote, comments }: NodeStyle): string[] {
  const remark = (i: number): string => (comments[i % 6] === undefined ? '' : ` #@${comments[i % 6]}`);
  const words = apps.map((app) => `${quote}${app}${quote}`);
  if (style === 'flow' || words.length === 0) return [`  ${name}: [${words.join(', ')}]${remark(0)}`];
  if (style === 'lines') {
    const items = words.map((word, i) => `    ${word}${i < words.length - 1 ? ',' : ''}${remark(i + 1)}`);
    return [`  ${name}: [${remark(0)}`, ...items, `    ]`];
  }
  const indent = style === 'block' ? '  ' : '    ';
  return [`  ${name}:${remark(0)}`, ...words.map((word, i) => `${indent}- ${word}${remark(i + 1)}`)];
}
