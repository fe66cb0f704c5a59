import { describe, expect, it } from 'vitest';
import type { ClusterState } from '../../../src/model/cluster.ts';
import type { Config } from '../../../src/model/config.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { statusOf } from '../../../src/view/status.ts';
import { statusLines } from '../../../src/view/status-lines.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  nodeId,
  onNode,
  snaps,
  unreachable,
} from '../../builders.ts';

const db = anApplication('db', { volumes: [aMount('v1')] });

function textOf(config: Config, state: ClusterState): string {
  const lines = statusLines(statusOf(config, state, makePlan(config, state)), config, 60_000);
  return lines.map((line) => ('text' in line ? line.text : line.map(({ text }) => text).join(' '))).join('\n');
}

describe('the status after a boot', () => {
  const boot = { waiting: [{ volume: 'v1', why: 'silent', peers: ['10.0.0.2'] } as const] };
  const config = aConfig([db], { a: ['db'], b: [] }, { nodes: { a: {}, b: { name: 'node2', mesh: '10.0.0.2' } } });
  const volume = aVolume('v1', { on: 'a', application: 'db', mounted: false });

  it('says what a volume waits for, and what decides', () => {
    const exited = aContainer(db, 'a', { state: 'exited', exit: { code: 128, oomKilled: false } });
    const away = unreachable('b', { meshAddress: '10.0.0.2' });
    const state = aCluster(onNode('a', { containers: [exited], volumes: [volume], boot }), away);
    const text = textOf(config, state);
    expect(text).toContain('owner, waiting');
    expect(text).toContain(
      'volume of "db" on a has been waiting since the node booted: node2 does not answer and may have taken it over',
    );
    expect(text).toContain('hint: bring that node back, or decide with `drover apply`');
    expect(statusOf(config, state).volumes[0]?.waiting).toEqual({ why: 'silent', nodes: ['b'] });
  });

  it('says no more of it once somebody has decided', () => {
    const state = aCluster(onNode('a', { volumes: [{ ...volume, mounted: true }], boot }), unreachable('b'));
    expect(textOf(config, state)).not.toContain('has been waiting since');
    expect(statusOf(config, state).volumes[0]).not.toHaveProperty('waiting');
  });

  it('shows a copy that diverged with the epochs and newest snapshots of both, and the next command', () => {
    const elsewhere = aConfig([db], { a: [], b: ['db'] });
    const diverged = aVolume('v1', {
      role: 'diverged',
      owner: nodeId('a'),
      application: 'db',
      dataset: 'drover/volumes/db-1',
      snapshots: snaps('a1 x9'),
    });
    const later = aVolume('v1', { on: 'b', application: 'db', epoch: 2, snapshots: snaps('a1 b2') });
    const state = aCluster(
      onNode('a', { volumes: [diverged] }),
      onNode('b', { containers: [aContainer(db, 'b')], volumes: [later] }),
    );
    const text = textOf(elsewhere, state);
    expect(text).toContain('"a" has role diverged, epoch 1, newest snapshot @x (guid 9)');
    expect(text).toContain('"b" has role owner, epoch 2, newest snapshot @b (guid 2)');
    expect(text).toContain('drover reseed db a');
  });
});
