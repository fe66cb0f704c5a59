import { describe, expect, it } from 'vitest';
import type { Application } from '../../../src/model/config.ts';
import type { ActionOf, Plan } from '../../../src/model/plan.ts';
import { desiredSpec, differences } from '../../../src/plan/container-spec.ts';
import { makePlan } from '../../../src/plan/make-plan.ts';
import { plannedMoves } from '../../../src/plan/steps/move.ts';
import { mergeNetwork } from '../../../src/plan/steps/network-tables.ts';
import { createStepBuilder } from '../../../src/plan/steps/step-builder.ts';
import { diffVolumes } from '../../../src/plan/volumes/volume-diff.ts';
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
  tcp,
  udp,
} from '../../builders.ts';

describe('two names of one host', () => {
  it('stop every plan, with a sentence that names both', () => {
    const [, machine] = onNode('a');
    const state = aCluster(['a', machine], ['b', machine], onNode('c'));
    const web = anApplication('web');
    expect(makePlan(aConfig([web], { a: ['web'], b: [], c: [] }), state)).toMatchObject({
      steps: [],
      blocked: [{ node: 'a', reason: expect.stringContaining('cannot distinguish "a", "b"') }],
    });
  });
});

describe('what was released before the volume was retired elsewhere', () => {
  it('is not taken back: it is older than what was retired', () => {
    const db = anApplication('db', { volumes: [aMount('v1')] });
    const released = aVolume('v1', { role: 'released', owner: nodeId('b'), epoch: 2 });
    const retired = aVolume('v1', { role: 'retired', owner: nodeId('b'), epoch: 2 });
    const state = aCluster(onNode('a', { volumes: [released] }), onNode('b', { volumes: [retired] }));
    const plan = makePlan(aConfig([db], { a: ['db'], b: [] }), state);
    expect(plan.blocked).toMatchObject([{ reason: expect.stringContaining('it was declared deleted') }]);
    expect(plan.steps.filter(({ action }) => action.kind.endsWith('-volume'))).toEqual([]);
  });
});

describe('diffVolumes', () => {
  const source = { snapshots: snaps('b2 c3'), bookmarks: snaps('a1') };

  it('sends everything to a node without a copy', () => {
    expect(diffVolumes(source, undefined)).toEqual({ kind: 'full' });
    expect(diffVolumes(source, { snapshots: [] })).toEqual({ kind: 'full' });
  });

  it('uses a bookmark of the source as a base', () => {
    expect(diffVolumes(source, { snapshots: snaps('a1') })).toMatchObject({
      kind: 'incremental',
      base: { guid: '1' },
      from: '#a',
    });
    expect(diffVolumes(source, { snapshots: snaps('x1 y2') })).toMatchObject({ kind: 'incremental', from: '@b' });
  });

  it('compares guids and not names', () => {
    expect(diffVolumes(source, { snapshots: snaps('other3') })).toMatchObject({ kind: 'up-to-date', from: '@c' });
    expect(diffVolumes(source, { snapshots: snaps('c7') })).toMatchObject({ kind: 'conflict' });
  });

  it('refuses a target that went on after the common snapshot', () => {
    const target = { snapshots: snaps('b2 x9') };
    expect(diffVolumes(source, target)).toEqual({ kind: 'conflict' });
  });
});

describe('differences', () => {
  const app: Application = anApplication('web', { ports: [tcp(80), udp(53)], environment: { A: '1' } });
  const imageDefaults = { environment: { PATH: '/bin', A: '0' }, command: ['serve'], entrypoint: ['/init'] };
  const observed = (more: Partial<Application>) => aContainer({ ...app, ...more }, 'n', { imageDefaults });
  const compare = (wanted: Partial<Application>, now = observed({})) =>
    differences(desiredSpec({ ...app, ...wanted }, 'n'), now);

  it('finds none where the container is as declared, in whatever order', () => {
    expect(compare({ ports: [udp(53), tcp(80)] })).toEqual([]);
  });

  it('takes what the image sets into account', () => {
    expect(
      compare({}, observed({ environment: { PATH: '/bin', A: '1' }, command: ['serve'], entrypoint: ['/init'] })),
    ).toEqual([]);
    expect(compare({ environment: {} })).toEqual(['environment variable A changed']);
  });

  it('knows that an entrypoint of its own drops the command of the image', () => {
    expect(compare({ entrypoint: ['/run'] }, observed({ entrypoint: ['/run'], command: ['serve'] }))).toEqual([
      'command changed',
    ]);
    expect(compare({ entrypoint: ['/run'] }, observed({ entrypoint: ['/run'], command: [] }))).toEqual([]);
  });

  it.each<[string, Partial<Application>]>([
    ['ports changed', { ports: [tcp(80), tcp(53)] }],
    ['command changed', { command: ['other'] }],
    ['command changed', { entrypoint: ['/other'] }],
    ['it gets a volume at /v1', { volumes: [aMount('v1')] }],
    ['memory limit changed', { memoryLimitBytes: 1 }],
    ['cpu shares changed', { cpuShares: 2 }],
    ['restart policy changed', { restartPolicy: { name: 'always' } }],
    ['restart policy changed', { restartPolicy: { name: 'on-failure', maximumRetryCount: 1 } }],
    ['image changes from "acme/web:1" to "acme/web:2"', { image: { repository: 'acme/web', tag: '2' } }],
  ])('says: %s', (reason, wanted) => {
    expect(compare(wanted)).toEqual([reason]);
  });

  it('never says the value of a variable', () => {
    expect(compare({ environment: { A: 'geheim' } }).join()).not.toContain('geheim');
  });

  it('takes link variables from the address of its own node', () => {
    const linked = { links: [{ alias: 'db', localPort: 1, remotePort: 2 }] };
    expect(differences(desiredSpec({ ...app, ...linked }, 'm'), observed(linked))).toEqual([
      'environment variable DB_PORT_1_TCP changed',
      'environment variable DB_PORT_1_TCP_ADDR changed',
    ]);
  });
});

describe('mergeNetwork', () => {
  const now = {
    present: true,
    proxies: [{ port: 1, protocol: 'tcp', address: 'x' }],
    open: [{ port: 2, protocol: 'tcp' }],
    peers: [],
    holds: [],
  } as const;
  const action: ActionOf<'replace-network'> = {
    kind: 'replace-network',
    node: 'a',
    proxies: [{ port: 2, protocol: 'tcp', address: 'y' }],
    open: [{ port: 3, protocol: 'tcp' }],
    peers: ['x', 'y'],
    dropHolds: [],
  };

  it('is the whole table of the step', () => {
    expect(mergeNetwork(now, action)).toEqual({ proxies: action.proxies, open: action.open, peers: ['x', 'y'] });
  });

  it('changes the given ports only, and all peers', () => {
    const only = [{ port: 2, protocol: 'tcp' }] as const;
    expect(mergeNetwork(now, { ...action, only })).toEqual({
      proxies: [...now.proxies, ...action.proxies],
      open: [],
      peers: ['x', 'y'],
    });
  });
});

describe('the step builder', () => {
  const stop = { kind: 'stop-container', node: 'a', app: 'x' } as const;

  it('makes one step of the same step twice', () => {
    const builder = createStepBuilder();
    const pull = { kind: 'pull-image', node: 'a', image: { repository: 'r', tag: '1' } } as const;
    const first = builder.add({ action: stop, reason: 'r', group: 'x' });
    builder.add({ action: pull, reason: 'r', group: 'x' });
    builder.add({ action: pull, after: [first], reason: 'other', group: 'y' });
    expect(builder.build().map(({ id, after }) => [id, after])).toEqual([
      ['stop-container:x:a', []],
      ['pull-image:r:1:a', ['stop-container:x:a']],
    ]);
  });

  it('refuses a cycle', () => {
    const builder = createStepBuilder();
    builder.add({ action: stop, after: ['stop-container:x:a'], reason: 'r', group: 'x' });
    expect(() => builder.build()).toThrow('cycle');
  });
});

describe('plannedMoves', () => {
  it('names the application of a volume that moves with one', () => {
    const db = anApplication('db', { volumes: [aMount('v1')] });
    const volumes = [aVolume('v1', { on: 'a' }), aVolume('bare', { on: 'a' })];
    const state = aCluster(onNode('a', { containers: [aContainer(db, 'a')], volumes }), onNode('b'));
    const config = aConfig([db], { a: [], b: ['db'] }, { datasets: [{ id: 'bare', node: 'b' }] });
    const plan: Plan = makePlan(config, state);
    expect(plannedMoves(plan)).toEqual([
      { volume: 'bare', from: 'a', to: 'b' },
      { app: 'db', volume: 'v1', from: 'a', to: 'b' },
    ]);
  });
});
