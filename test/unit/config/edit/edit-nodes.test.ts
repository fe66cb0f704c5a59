import { describe, expect, it } from 'vitest';
import { addNode, type NodeEntry, removeNode } from '../../../../src/config/edit/edit-nodes.ts';

const textOf = (result: ReturnType<typeof addNode>): string => {
  if ('problem' in result) throw new Error(result.problem);
  return result.text;
};

describe('a node more', () => {
  const rows: readonly (readonly [string, string | undefined, NodeEntry, string])[] = [
    [
      'makes a drover.yml',
      undefined,
      { name: 'web3', user: 'admin', port: 2222, identityFile: '~/.ssh/id_ed25519' },
      '# How drover reaches the nodes.\nversion: 1\nnodes:\n  10.0.0.3: {name: web3, user: admin, port: 2222, identityFile: ~/.ssh/id_ed25519}\n',
    ],
    [
      'stands behind the last one, below its comment',
      'version: 1\nnodes:\n  10.0.0.1: [db] # here\n  10.0.0.2: [] # idle\n# the end\n',
      'idle',
      'version: 1\nnodes:\n  10.0.0.1: [db] # here\n  10.0.0.2: [] # idle\n  10.0.0.3: []\n# the end\n',
    ],
    [
      'takes the indentation of the others',
      'nodes:\n    a:\n      - db\n',
      'idle',
      'nodes:\n    a:\n      - db\n    10.0.0.3: []\n',
    ],
    ['goes behind a node without a value', 'nodes:\n  a:\n', 'idle', 'nodes:\n  a:\n  10.0.0.3: []\n'],
    ['goes into braces', 'nodes: {a: [db]} # all\n', 'idle', 'nodes: {a: [db], 10.0.0.3: []} # all\n'],
    ['opens empty braces', 'nodes: {}\npool: tank\n', 'idle', 'nodes:\n  10.0.0.3: []\npool: tank\n'],
    ['fills nothing', 'nodes: # none yet\npool: tank\n', 'idle', 'nodes: # none yet\n  10.0.0.3: []\npool: tank\n'],
    [
      'adds the mapping',
      'version: 1\npool: tank',
      { user: 'root' },
      'version: 1\npool: tank\nnodes:\n  10.0.0.3: {user: root}\n',
    ],
    ['keeps line breaks', 'nodes:\r\n  a: []\r\n', 'idle', 'nodes:\r\n  a: []\r\n  10.0.0.3: []\r\n'],
    ['changes nothing where it is there', 'nodes: {10.0.0.3: [db]}\n', 'idle', 'nodes: {10.0.0.3: [db]}\n'],
    [
      'quotes what YAML would read otherwise',
      'nodes:\n  a: {}\n',
      { name: 'yes', user: '1e3', jump: 'a@b:22' },
      'nodes:\n  a: {}\n  10.0.0.3: {name: yes, user: "1e3", jump: "a@b:22"}\n',
    ],
  ];
  it.each(rows)('%s', (_what, text, entry, wanted) => expect(textOf(addNode(text, '10.0.0.3', entry))).toBe(wanted));

  it('is written in quotes where its address needs them', () => {
    expect(textOf(addNode('nodes:\n  a: []\n', '2001:db8::1', 'idle'))).toBe('nodes:\n  a: []\n  "2001:db8::1": []\n');
  });

  it('is refused where the file is no such file', () => {
    for (const text of ['- a\n', 'nodes: [a]\n', 'nodes: {a: [\n'])
      expect(addNode(text, 'b', 'idle')).toHaveProperty('problem');
  });
});

describe('a node less', () => {
  it.each([
    ['nodes:\n  a: [db] # stays\n  b: [] # goes\n  c: []\n', 'nodes:\n  a: [db] # stays\n  c: []\n'],
    ['nodes:\n  a:\n    - db\n  b:\n    name: x # y\n    user: root\n', 'nodes:\n  a:\n    - db\n'],
    ['nodes:\n  b:\n  a: []\n', 'nodes:\n  a: []\n'],
    ['nodes:\n  b: []\n', 'nodes: {}\n'],
    ['nodes: {a: [db], b: [], c: []}\n', 'nodes: {a: [db], c: []}\n'],
    ['nodes: {a: [db], b: []}\n', 'nodes: {a: [db]}\n'],
    ['nodes: {b: []}\n', 'nodes: {}\n'],
    ['nodes: {a: []}\n', 'nodes: {a: []}\n'],
  ])('%j', (text, wanted) => expect(textOf(removeNode(text, 'b'))).toBe(wanted));

  it('stays where applications are placed', () => {
    expect(removeNode('nodes: {b: [db, web]}\n', 'b')).toEqual({ problem: 'db, web is placed there' });
  });
});
