import { describe, expect, it } from 'vitest';
import type { Volume } from '../../../../src/model/cluster.ts';
import { printCopyRecord } from '../../../../src/model/copy-record.ts';
import { makePlan } from '../../../../src/plan/make-plan.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aMount,
  anApplication,
  aVolume,
  type BuiltNode,
  nodeId,
  onNode,
  snaps,
  unreachable,
} from '../../../builders.ts';

const rulesOf = (nodes: readonly BuiltNode[], config = aConfig([], { a: [], b: [], c: [] })) =>
  makePlan(config, aCluster(...nodes)).steps.flatMap(({ action, reason }) =>
    action.kind === 'set-boot-rules' ? [{ node: action.node, reason, ...action.rules }] : [],
  );
const peer = (address: string, key = address, id?: string) => ({
  address,
  ports: [22],
  keys: [`ssh-ed25519 ${key}`],
  ...(id === undefined ? {} : { id }),
});
const seen = (name: string, address = name) => peer(address, name, nodeId(name));

describe('the peers that a node asks when it boots', () => {
  it('are all other nodes, with their keys', () => {
    const a = onNode('a', { boot: { sshPorts: [2222, 22] } });
    const b = onNode('b', { boot: { peers: [{ ...seen('a'), ports: [2222, 22] }, seen('c')] } });
    const c = onNode('c', { boot: { peers: [peer('a', 'old', nodeId('a')), seen('b')] } });
    expect(rulesOf([a, b, c])).toEqual([
      { node: 'a', reason: 'its peers or their keys differ', alone: 'wait', peers: [seen('b'), seen('c')] },
      {
        node: 'c',
        reason: 'its peers or their keys differ',
        alone: 'wait',
        peers: [{ ...seen('a'), ports: [2222, 22] }, seen('b')],
      },
    ]);
  });

  it('keep the keys of an unreachable node', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2')] } });
    const config = aConfig([], { a: [], b: [] }, { nodes: { a: {}, b: { mesh: '10.0.0.2' } } });
    expect(rulesOf([a, unreachable('b')], config)).toEqual([]);
    const b = unreachable('b', { meshAddress: '10.0.0.2', boot: { hostKeys: ['ssh-ed25519 new'] } });
    expect(rulesOf([a, b], config)).toMatchObject([{ node: 'a', peers: [peer('10.0.0.2', 'new', nodeId('b'))] }]);
  });

  it('include a peer whose address is unknown now: a drover that has just started has never seen it', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [peer('10.0.0.1'), peer('10.0.0.2')] } });
    const config = aConfig([], { a: [], b: [], c: [] });
    expect(rulesOf([a, unreachable('b'), c], config)).toMatchObject([
      { node: 'a', peers: [peer('10.0.0.2'), { address: '10.0.0.3' }] },
      { node: 'c', peers: [{ address: '10.0.0.1' }, peer('10.0.0.2')] },
    ]);
  });

  it('still include a node that no file names any more: only its removal makes the others forget it', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [peer('10.0.0.2'), seen('c', '10.0.0.3')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [seen('a', '10.0.0.1')] } });
    expect(rulesOf([a, c], aConfig([], { a: [], c: [] }))).toEqual([]);
  });

  it('forget an address whose host keys belong to a known node with another address', () => {
    const a = onNode('a', { meshAddress: '10.0.0.1', boot: { peers: [seen('c', '10.0.0.2')] } });
    const c = onNode('c', { meshAddress: '10.0.0.3', boot: { peers: [seen('a', '10.0.0.1')] } });
    expect(rulesOf([a, c], aConfig([], { a: [], c: [] }))).toMatchObject([
      { node: 'a', peers: [seen('c', '10.0.0.3')] },
    ]);
  });

  it('do not include a node that is not provisioned for it, which the plan reports; the others know its id', () => {
    const nodes = [onNode('a'), onNode('b', { boot: {} })];
    expect(rulesOf(nodes, aConfig([], { a: [], b: [] }))).toMatchObject([
      { node: 'b', peers: [{ address: 'a', ports: [], keys: [], id: nodeId('a') }] },
    ]);
    expect(makePlan(aConfig([], { a: [], b: [] }), aCluster(...nodes)).notes).toEqual([
      '"a" cannot be asked by the other nodes when they boot: run host/provision.sh there',
    ]);
    expect(makePlan(aConfig([], { a: [] }), aCluster(onNode('a'))).notes).toEqual([]);
  });

  it('change with what drover.yml says about a node without an answer', () => {
    const config = aConfig([], { a: [] });
    const alone = { ...config, settings: { ...config.settings, boot: { alone: 'start' } as const } };
    expect(rulesOf([onNode('a', { boot: {} })], alone)).toEqual([
      { node: 'a', reason: 'it has to start if a peer does not answer', alone: 'start', peers: [] },
    ]);
  });
});

describe('the id of a peer', () => {
  const config = aConfig([], { a: [], b: [], x: [] }, { nodes: { a: {}, b: { mesh: 'b' }, x: {} } });
  const asX = (id: string, key = 'x'): BuiltNode => {
    const [name, state] = onNode('x', {
      boot: { hostKeys: [`ssh-ed25519 ${key}`], peers: [seen('a'), seen('b')] },
    });
    return [name, state.status === 'reachable' ? { ...state, facts: { ...state.facts, nodeId: id } } : state];
  };
  const idsOn = (nodes: readonly BuiltNode[]) =>
    rulesOf(nodes, config).flatMap(({ node, peers }) =>
      node === 'a' ? peers.map(({ address, id }) => [address, id]) : [],
    );

  it.each([
    ['is out of sight, and was seen a moment ago', unreachable('b', { boot: {} })],
    ['is out of sight, and was never seen by this drover', unreachable('b')],
  ])('is not taken from a node that claims the one of another that %s', (_what, b) => {
    const a = onNode('a', { boot: { peers: [seen('b'), seen('x')] } });
    expect(idsOn([a, b, asX(nodeId('b'))])).toEqual([]);
    // Nothing was known of it before: it may be any node.
    const fresh = onNode('a', { boot: { peers: [seen('b')] } });
    expect(idsOn([fresh, b, asX(nodeId('b'))])).toEqual([
      ['b', nodeId('b')],
      ['x', undefined],
    ]);
  });

  it('changes with the machine behind the address, and stays where a machine changes its address', () => {
    const a = onNode('a', { boot: { peers: [seen('b'), seen('x')] } });
    expect(idsOn([a, unreachable('b', { boot: {} }), asX('id-new', 'new')])).toEqual([
      ['b', nodeId('b')],
      ['x', 'id-new'],
    ]);
    const before = onNode('a', { boot: { peers: [seen('b'), seen('x', 'y')] } });
    expect(idsOn([before, unreachable('b', { boot: {} }), asX(nodeId('x'))])).toEqual([
      ['b', nodeId('b')],
      ['x', nodeId('x')],
    ]);
  });
});

describe('the record of the nodes that may have copies', () => {
  const db = anApplication('db', { volumes: [aMount('v1')] });
  const config = aConfig([db], { a: ['db'], b: [], c: [] });
  const peersOf = (node: string) => ['a', 'b', 'c'].filter((other) => other !== node).map((other) => seen(other));
  const node = (name: string, copy?: Partial<Volume>, boot = {}) =>
    onNode(name, {
      boot: { peers: peersOf(name), ...boot },
      volumes: copy === undefined ? [] : [aVolume('v1', { on: 'a', application: 'db', ...copy })],
      ...(name === 'a' && copy !== undefined
        ? { containers: [{ ...aContainer(db, 'a'), spec: { ...aContainer(db, 'a').spec, after: [] } }] }
        : {}),
    });
  const recordsOf = (nodes: readonly BuiltNode[]) =>
    makePlan(config, aCluster(...nodes)).steps.flatMap(({ action }) =>
      action.kind === 'set-boot-rules' ? [[action.node, action.rules.gone, action.records] as const] : [],
    );
  const replica = { role: 'replica', mounted: false, snapshots: snaps('s1') } as const;
  const owner = { snapshots: snaps('s1 t2') };
  const record = (copies: readonly string[], isNew: boolean) => [
    { volume: 'v1', dataset: aVolume('v1').dataset, epoch: 1, copies, isNew },
  ];

  it('is made of what is seen where an earlier version left none, once every node is seen', () => {
    expect(recordsOf([node('a', owner), node('b', replica), node('c')])).toEqual([
      ['a', undefined, record([nodeId('b')], true)],
      ['b', undefined, record([nodeId('a')], true)],
    ]);
    expect(recordsOf([node('a', owner), node('b', replica), unreachable('c', { boot: {} })])).toEqual([]);
    expect(recordsOf([node('a', owner), node('b', replica), unreachable('c')])).toEqual([]);
  });

  it('gets a node whose copy has a snapshot of this one, and not one that only says it has a copy', () => {
    const a = node('a', { ...owner, copies: [] });
    const isSame = node('b', { ...replica, copies: [nodeId('a')] });
    expect(recordsOf([a, isSame, node('c')])).toEqual([['a', undefined, record([nodeId('b')], false)]]);
    const lies = node('b', { ...replica, snapshots: snaps('s9'), copies: [nodeId('a')] });
    // It gets answers, and its own claim changes nothing.
    expect(recordsOf([a, lies, node('c')])).toEqual([['a', undefined, record([`?${nodeId('b')}`], false)]]);
    const listed = node('a', { ...owner, copies: [`?${nodeId('b')}`] });
    expect(recordsOf([listed, lies, node('c')])).toEqual([]);
  });

  it('lets no peer in that the record of a volume does not have, while steps of the plan are about that volume', () => {
    const moves = { ...config, deployment: { a: [], b: ['db'], c: [] } };
    const a = node('a', { ...owner, copies: [nodeId('b')] }, { peers: [seen('b')] });
    const c = node('c', { ...replica, epoch: 0, snapshots: snaps('s9') });
    const { steps } = makePlan(moves, aCluster(a, node('b', { ...replica, copies: [nodeId('a')] }), c));
    const rules = steps.flatMap(({ action }) => (action.kind === 'set-boot-rules' ? [action.node] : []));
    expect(steps.map(({ action }) => action.kind)).toContain('release-volume');
    expect(rules).not.toContain('a');
  });

  it('is never made shorter: a node that is no longer there is gone once every node is seen', () => {
    const a = node('a', { ...owner, copies: [nodeId('b'), 'id-old'] });
    const b = node('b', { ...replica, copies: [nodeId('a')] });
    expect(recordsOf([a, b, node('c')])).toEqual([['a', ['id-old'], undefined]]);
    expect(recordsOf([a, b, unreachable('c', { boot: {} })])).toEqual([]);
    const known = node('a', { ...owner, copies: [nodeId('b'), 'id-old'] }, { gone: ['id-old'] });
    expect(recordsOf([known, b, unreachable('c', { boot: {} })])).toEqual([]);
    const again = node('a', { ...owner, copies: [nodeId('b'), nodeId('c')] }, { gone: [nodeId('c')] });
    expect(recordsOf([again, b, node('c')])).toEqual([['a', undefined, undefined]]);
  });

  it('is not tried again and again where there are more nodes than it has room for', () => {
    const names = Array.from({ length: 30 }, (_, at) => `${at}-a-node-with-a-name-that-is-rather-long`);
    const many = aConfig([db], { a: ['db'], ...Object.fromEntries(names.map((name) => [name, []])) });
    const copies = names.map((name) =>
      onNode(name, { volumes: [aVolume('v1', { on: 'a', application: 'db', ...replica })] }),
    );
    const records = (own: Partial<Volume>) =>
      makePlan(many, aCluster(node('a', { ...owner, ...own }), ...copies)).steps.flatMap(({ action }) =>
        action.kind === 'set-boot-rules' ? [action.records?.length ?? 0] : [],
      );
    expect(records({})).toEqual([0]);
    // One that was short enough so far becomes void.
    expect(records({ copies: [] })).toEqual([1]);
    expect(printCopyRecord({ epoch: 1, nodes: names })).toBe('-');
  });

  it('is left to the steps of a plan that moves the volume', () => {
    const moves = { ...config, deployment: { a: [], b: ['db'], c: [] } };
    const { steps } = makePlan(moves, aCluster(node('a', owner), node('b', replica), node('c')));
    expect(steps.map(({ action }) => action.kind)).toContain('release-volume');
    expect(steps.filter(({ action }) => action.kind === 'set-boot-rules')).toEqual([]);
  });
});

describe('the order of starting', () => {
  const web = anApplication('web', {
    dependsOn: [{ app: 'cache', until: 'started' }],
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
    expect(changes({}, ['cache'])).toEqual(['the applications that it starts after changed']);
  });

  it('is given to a container that has none, and only where the node keeps it', () => {
    expect(changes({})).toEqual(['it does not start in order at boot yet']);
    expect(changes(undefined)).toEqual([]);
    expect(changes(undefined, [])).toEqual(['the node no longer starts containers in order']);
  });
});

describe('a volume that has been waiting since its node booted', () => {
  const db = anApplication('db', { volumes: [aMount('v1')] });
  const noteOn = (why: 'silent' | 'rival', mounted: boolean) => {
    const volumes = [aVolume('v1', { on: 'a', application: 'db', mounted })];
    const boot = { waiting: [{ volume: 'v1', why, peers: ['10.0.0.2'] }] };
    const config = aConfig([db], { a: ['db'], b: [] }, { nodes: { a: {}, b: { mesh: '10.0.0.2' } } });
    const state = aCluster(onNode('a', { volumes, boot, images: ['acme/db:1'] }), unreachable('b'));
    return makePlan(config, state);
  };

  it('is reported with the peer, and decided by the next apply', () => {
    const plan = noteOn('silent', false);
    expect(plan.notes).toEqual([
      'volume "drover/volumes/volume-6654c734" of "db" on "a" has been waiting since the node booted: "b" does not answer and may have taken it over; `drover apply` decides',
    ]);
    expect(plan.steps.map(({ id }) => id)).toContain('mount-volume:v1:a');
    expect(noteOn('rival', false).notes[0]).toContain('"b" claims it with the same epoch');
  });

  it('is not reported after the decision', () => {
    expect(noteOn('silent', true).notes).toEqual([]);
  });
});
