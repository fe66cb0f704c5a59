import { describe, expect, it } from 'vitest';
import { type Findings, judge } from '../../../src/tutorial/judge.ts';
import type { Check } from '../../../src/tutorial/types.ts';
import { emptyView } from '../../../src/view/reduce.ts';
import { aConfig, aContainer, anApplication, aVolume, onNode, unreachable } from '../../builders.ts';

const wiki = anApplication('wiki');
const nodes = { alpha: 'alpha', beta: 'beta' };

function findings(states: Findings['view']['nodes'], more: Partial<Findings> = {}): Findings {
  const config = aConfig([wiki], { alpha: ['wiki'], beta: [] });
  return { view: { ...emptyView, config, nodes: states }, ports: {}, printed: {}, ...more };
}

const running = Object.fromEntries([
  onNode('alpha', {
    containers: [aContainer(wiki, '10.0.0.1')],
    volumes: [aVolume('v1', { application: 'wiki', role: 'owner' })],
  }),
  onNode('beta', { volumes: [aVolume('v1', { application: 'wiki', role: 'replica' })] }),
]);
const holds = (check: Check, found: Findings): boolean => judge(check, found, { nodes }).holds;

describe('what the cluster shows', () => {
  it.each([
    [{ kind: 'running', app: 'wiki', on: 'alpha' }, true],
    [{ kind: 'running', app: 'wiki', on: 'beta' }, false],
    [{ kind: 'running', app: 'mail', on: 'alpha' }, false],
    [{ kind: 'stopped', app: 'wiki', on: 'beta' }, true],
    [{ kind: 'stopped', app: 'wiki', on: 'alpha' }, false],
    [{ kind: 'stopped', app: 'wiki' }, false],
    [{ kind: 'stopped', app: 'mail' }, true],
    [{ kind: 'owned', app: 'wiki', by: 'alpha' }, true],
    [{ kind: 'owned', app: 'wiki', by: 'beta' }, false],
  ] as const)('%j is %s', (check, expected) => {
    expect(holds(check, findings(running))).toBe(expected);
  });

  it('is nothing, neither way, where a node does not answer', () => {
    const lost = findings({ ...running, ...Object.fromEntries([unreachable('alpha')]) });
    for (const kind of ['running', 'stopped'] as const) {
      expect(judge({ kind, app: 'wiki', on: 'alpha' }, lost, { nodes })).toMatchObject({
        holds: false,
        why: 'alpha does not answer',
      });
    }
    expect(holds({ kind: 'stopped', app: 'wiki' }, lost)).toBe(false);
    expect(holds({ kind: 'stopped', app: 'wiki', on: 'beta' }, findings({}))).toBe(false);
  });

  it('is converged when nothing is left to do, and not while it is done, or blocked, or unknown', () => {
    const check = { kind: 'converged' } as const;
    const withView = (view: Partial<Findings['view']>): Findings => {
      const found = findings(running);
      return { ...found, view: { ...found.view, ...view } };
    };
    const plan = { revision: findings(running).view.config?.revision ?? '', steps: [], blocked: [], notes: [] };
    expect(holds(check, findings(running))).toBe(false);
    expect(holds(check, withView({ plan }))).toBe(true);
    expect(holds(check, withView({ plan, running: true }))).toBe(false);
    expect(holds(check, withView({ plan: { ...plan, blocked: [{ reason: 'no room' }] } }))).toBe(false);
    expect(holds(check, withView({ plan, problems: [{ file: 'x', path: '', message: 'wrong' }] }))).toBe(false);
  });

  it('answers through every node that is named, and prints what clients got', () => {
    const port = { kind: 'answers', port: 80, through: ['alpha', 'beta'] } as const;
    const prints = { kind: 'prints', command: 'ask' } as const;
    expect(judge(port, findings({}, { ports: { 'alpha 80': 'accepted' } }), { nodes })).toMatchObject({
      holds: false,
      why: 'not through beta',
    });
    expect(holds(port, findings({}, { ports: { 'alpha 80': 'accepted', 'beta 80': 'accepted' } }))).toBe(true);
    expect(holds(prints, findings({}))).toBe(false);
    expect(holds(prints, findings({}, { printed: { ask: { matches: true } } }))).toBe(true);
    const other = findings({}, { printed: { ask: { matches: false, instead: 'it prints: no' } } });
    expect(judge(prints, other, { nodes }).why).toBe('it prints: no');
  });
});
