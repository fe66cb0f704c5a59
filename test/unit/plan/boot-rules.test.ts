import { describe, expect, it } from 'vitest';
import { makePlan } from '../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  type BuiltNode,
  onNode,
  unreachable,
} from '../../builders.ts';

const rulesOf = (nodes: readonly BuiltNode[], config = aConfig([], { a: [], b: [], c: [] })) =>
  makePlan(config, aCluster(...nodes)).steps.flatMap(({ action, reason }) =>
    action.kind === 'set-boot-rules' ? [{ node: action.node, reason, ...action.rules }] : [],
  );
const peer = (address: string, key = address) => ({ address, ports: [22], keys: [`ssh-ed25519 ${key}`] });

describe('whom a node asks when it boots', () => {
  it('is everybody else, with the keys they show', () => {
    const a = onNode('a', { boot: { sshPorts: [2222, 22] } });
    const b = onNode('b', { boot: { peers: [{ ...peer('a'), ports: [2222, 22] }, peer('c')] } });
    const c = onNode('c', { boot: { peers: [peer('a', 'old'), peer('b')] } });
    expect(rulesOf([a, b, c])).toEqual([
      { node: 'a', reason: 'its peers or their keys differ', alone: 'wait', peers: [peer('b'), peer('c')] },
      {
        node: 'c',
        reason: 'its peers or their keys differ',
        alone: 'wait',
        peers: [{ ...peer('a'), ports: [2222, 22] }, peer('b')],
      },
    ]);
  });

  it('keeps the keys of one that cannot be seen now', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2')] } });
    const config = aConfig([], { a: [], b: [] }, { nodes: { a: {}, b: { mesh: '10.0.0.2' } } });
    expect(rulesOf([a, unreachable('b')], config)).toEqual([]);
    const seen = unreachable('b', { meshAddress: '10.0.0.2', boot: { hostKeys: ['ssh-ed25519 new'] } });
    expect(rulesOf([a, seen], config)).toMatchObject([{ node: 'a', peers: [peer('10.0.0.2', 'new')] }]);
  });

  it('is still one whose address nobody knows now: a drover that has just started has never seen it', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [peer('10.0.0.1'), peer('10.0.0.2')] } });
    const config = aConfig([], { a: [], b: [], c: [] });
    expect(rulesOf([a, unreachable('b'), c], config)).toMatchObject([
      { node: 'a', peers: [peer('10.0.0.2'), { address: '10.0.0.3' }] },
      { node: 'c', peers: [{ address: '10.0.0.1' }, peer('10.0.0.2')] },
    ]);
  });

  it('still includes a node that no file names any more: only its removal makes the others forget it', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2'), peer('10.0.0.3', 'c')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [peer('10.0.0.1', 'a')] } });
    expect(rulesOf([a, c], aConfig([], { a: [], c: [] }))).toEqual([]);
  });

  it('forgets an address whose host keys belong to a known node with another address', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2', 'c')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [peer('10.0.0.1', 'a')] } });
    expect(rulesOf([a, c], aConfig([], { a: [], c: [] }))).toMatchObject([
      { node: 'a', peers: [peer('10.0.0.3', 'c')] },
    ]);
  });

  it('is nobody for a node that is not set up for it, which the plan says', () => {
    const nodes = [onNode('a'), onNode('b', { boot: {} })];
    expect(rulesOf(nodes, aConfig([], { a: [], b: [] }))).toEqual([]);
    expect(makePlan(aConfig([], { a: [], b: [] }), aCluster(...nodes)).notes).toEqual([
      '"a" cannot be asked by the others when they boot: run host/provision.sh there',
    ]);
    expect(makePlan(aConfig([], { a: [] }), aCluster(onNode('a'))).notes).toEqual([]);
  });

  it('changes with what drover.yml says about being alone', () => {
    const config = aConfig([], { a: [] });
    const alone = { ...config, settings: { ...config.settings, boot: { alone: 'start' } as const } };
    expect(rulesOf([onNode('a', { boot: {} })], alone)).toEqual([
      { node: 'a', reason: 'it is to start where a peer does not answer', alone: 'start', peers: [] },
    ]);
  });
});

describe('the order of starting', () => {
  const web = anApplication('web', {
    dependsOn: ['cache'],
    links: [{ alias: 'db', localPort: 5432, remotePort: 5432 }],
  });
  const changes = (boot: object | undefined, after?: readonly string[]) => {
    const made = aContainer(web, 'a');
    const container = { ...made, spec: { ...made.spec, ...(after === undefined ? {} : { after }) } };
    const node = onNode('a', { containers: [container], ...(boot === undefined ? {} : { boot }) });
    const { steps } = makePlan(aConfig([web], { a: ['web'] }), aCluster(node));
    return steps.flatMap(({ action, reason }) => (action.kind === 'start-container' ? [reason] : []));
  };

  it('is what the application declares, wherever the others are', () => {
    expect(changes({}, ['5432/tcp', 'cache'])).toEqual([]);
    expect(changes({}, ['cache'])).toEqual(['what it starts after changed']);
  });

  it('is given to a container that has none, and only where the node keeps it', () => {
    expect(changes({})).toEqual(['it starts at boot in no order yet']);
    expect(changes(undefined)).toEqual([]);
    expect(changes(undefined, [])).toEqual(['the node has no order of starting any more']);
  });
});

describe('a volume that waits since its node booted', () => {
  const db = anApplication('db', { volumes: [aMount('v1')] });
  const noteOn = (why: 'silent' | 'rival', mounted: boolean) => {
    const volumes = [aVolume('v1', { on: 'a', application: 'db', mounted })];
    const boot = { waiting: [{ volume: 'v1', why, peers: ['10.0.0.2'] }] };
    const config = aConfig([db], { a: ['db'], b: [] }, { nodes: { a: {}, b: { mesh: '10.0.0.2' } } });
    const state = aCluster(onNode('a', { volumes, boot, images: ['acme/db:1'] }), unreachable('b'));
    return makePlan(config, state);
  };

  it('is told with the peer, and decided by the next apply', () => {
    const plan = noteOn('silent', false);
    expect(plan.notes).toEqual([
      'volume "drover/volumes/volume-6654c734" of "db" on "a" waits since the node booted: "b" does not answer and may have taken it over; `drover apply` decides',
    ]);
    expect(plan.steps.map(({ id }) => id)).toContain('mount-volume:v1:a');
    expect(noteOn('rival', false).notes[0]).toContain('"b" claims it with the same epoch');
  });

  it('is not told once somebody has decided', () => {
    expect(noteOn('silent', true).notes).toEqual([]);
  });
});
