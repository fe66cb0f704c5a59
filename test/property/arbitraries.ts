import type { ClusterState, Container, Volume } from '../../src/model/cluster.ts';
import type { Application, Config, NodeName } from '../../src/model/config.ts';
import {
  aCluster,
  aConfig,
  aContainer,
  aForeignContainer,
  aMount,
  anApplication,
  aVolume,
  type NodeParts,
  nodeId,
  noNames,
  onNode,
  snaps,
  tcp,
  unreachable,
} from '../builders.ts';
import fc from '../support/random.ts';

export const nodeNames = ['a', 'b', 'c'] as const;
const appNames = ['x', 'y', 'z'] as const;
const ownVolumes = ['v1', 'v2', 'v3'] as const;
/** Any number of applications have this one. */
const sharedVolume = 'shared';
const volumeIds = [...ownVolumes, sharedVolume] as const;
const limits = [undefined, undefined, 2_000_000, 3_000_000];

const application = (name: string, index: number): fc.Arbitrary<Application> =>
  fc
    .record({
      port: fc.constantFrom(undefined, 80 + index, 90 + index),
      volume: fc.boolean(),
      shares: fc.constantFrom(undefined, undefined, '/srv', '/srv:ro'),
      limit: fc.constantFrom(...limits),
      tag: fc.constantFrom('1', '2'),
      dependsOn: fc.subarray([...appNames]),
      exposes: fc.subarray([6000, 7000]),
      networks: fc.constantFrom(undefined, undefined, ['back'], ['back', 'front'], []),
      nicknames: fc.subarray([...appNames]),
    })
    .map(({ port, volume, shares, limit, tag, dependsOn, exposes, networks, nicknames }) =>
      anApplication(name, {
        ...(exposes.length === 0 ? {} : { exposes: exposes.map((one) => ({ port: one, protocol: 'tcp' as const })) }),
        ...(networks === undefined
          ? {}
          : { networks: networks.map((network) => ({ network, aliases: [`${name}-${network}`] })) }),
        ...(nicknames.length === 0
          ? {}
          : { nicknames: Object.fromEntries(nicknames.map((one) => [`my-${one}`, one])) }),
        image: { repository: `acme/${name}`, tag },
        ports: port === undefined ? [] : [tcp(port)],
        volumes: [
          ...(volume ? [aMount(ownVolumes[index] ?? 'v1', limit)] : []),
          ...(shares === undefined ? [] : [{ ...aMount(sharedVolume, undefined, '/srv'), ...readOnlyIf(shares) }]),
        ],
        dependsOn: dependsOn.filter((other) => other !== name).map((app) => ({ app, until: 'started' })),
      }),
    );

const readOnlyIf = (text: string): { readonly readOnly?: true } => (text.endsWith(':ro') ? { readOnly: true } : {});

export const config: fc.Arbitrary<Config> = fc
  .record({
    // Ports and volumes of a configuration belong to one application each; which one, changes.
    applications: fc.nat({ max: 2 }).chain((shift) => {
      return fc.tuple(...appNames.map((name, index) => application(name, (index + shift) % appNames.length)));
    }),
    places: fc.tuple(...appNames.map(() => fc.constantFrom(undefined, ...nodeNames))),
    isSplit: fc.constantFrom(false, false, false, true),
    bare: fc.option(fc.record({ node: fc.constantFrom(...nodeNames), deleted: fc.boolean() }), { nil: undefined }),
  })
  .map(({ applications, places, isSplit, bare }) => {
    const shares = applications.map(({ volumes }) => volumes.some(({ id }) => id === sharedVolume));
    // The files place what shares a volume on one node; a plan is also made of others.
    const home = places.find((place, index) => place !== undefined && shares[index] === true);
    const placeOf = (index: number) =>
      isSplit || places[index] === undefined || !shares[index] ? places[index] : home;
    const on = (node: NodeName) => appNames.filter((_, index) => placeOf(index) === node);
    return aConfig(applications, Object.fromEntries(nodeNames.map((node) => [node, on(node)])), {
      ...(bare === undefined ? {} : { datasets: [{ id: 'v3', ...bare }] }),
    });
  });

/** `own`: what tells its addresses and mesh ports from those of the other applications; 0 if they may be the same. */
const container = (name: string, own: number): fc.Arbitrary<(node: NodeName) => Container> =>
  fc
    .record({
      app: fc.nat({ max: 2 }).chain((index) => application(name, index)),
      state: fc.constantFrom('running', 'running', 'exited', 'paused'),
      imageId: fc.constantFrom(undefined, 'sha256:old'),
      names: fc.option(
        fc.record({
          address: fc.constantFrom(`198.18.${own}.1`, `198.18.${own}.2`, `198.19.${own}.1`, `10.0.${own}.1`),
          meshPort: fc.constantFrom(20_001 + 10 * own, 20_002 + 10 * own, 80),
        }),
        { nil: undefined },
      ),
    })
    .map(
      ({ app, state, imageId, names }) =>
        (node) =>
          named(aContainer(app, node, { state, ...(imageId === undefined ? {} : { imageId }) }), names, node),
    );

/** With names as an earlier run may have left them: also outside the range, or those of another application. */
function named(
  made: Container,
  names: { readonly address: string; readonly meshPort: number } | undefined,
  node: NodeName,
): Container {
  if (names === undefined) return made;
  const ports = [{ port: 6000, protocol: 'tcp' as const, meshPort: names.meshPort }];
  return { ...made, spec: { ...made.spec, names: { address: names.address, mesh: node, ports } } };
}

/** Any role, epoch and history, however odd. */
const anyCopy = (id: string): fc.Arbitrary<(node: NodeName) => Volume> =>
  fc
    .record({
      role: fc.constantFrom('owner', 'owner', 'frozen', 'released', 'incoming', 'replica', 'diverged', 'retired'),
      epoch: fc.integer({ min: 1, max: 3 }),
      owner: fc.constantFrom('self', 'self', ...nodeNames, 'unknown'),
      snapshots: fc.constantFrom('', 'a1', 'a1 b2', 'a1 x9'),
      mounted: fc.boolean(),
      writtenBytes: fc.constantFrom(0, 4096),
      limitBytes: fc.constantFrom(...limits),
    })
    .map(
      ({ owner, snapshots, limitBytes, ...rest }) =>
        (node) =>
          aVolume(id, {
            ...rest,
            owner: nodeId(owner === 'self' ? node : owner),
            snapshots: snaps(snapshots),
            ...(limitBytes === undefined ? {} : { limitBytes }),
          }),
    );

/** Absent in one of two cases. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });

const parts = (copies: (id: string) => fc.Arbitrary<(node: NodeName) => Volume>, isSound = false) =>
  fc.record({
    containers: fc.tuple(...appNames.map((name, index) => maybe(container(name, isSound ? index + 1 : 0)))),
    volumes: fc.tuple(...volumeIds.map((id) => maybe(copies(id)))),
    foreign: maybe(fc.constantFrom(...appNames)).map((name) => (name === undefined ? [] : [`foreign-${name}`])),
    present: fc.boolean(),
    holds: fc.subarray([80, 81, 4000]),
    hasNames: fc.constantFrom(true, true, false),
    exposed: fc.subarray([7000, 8000]),
  });

type Parts = ReturnType<typeof parts> extends fc.Arbitrary<infer T> ? T : never;

function build(node: NodeName, { containers, volumes, foreign, present, holds, hasNames, exposed }: Parts): NodeParts {
  const ports = exposed.map((port) => ({ port, protocol: 'tcp' as const }));
  const virtual = hasNames && holds.length > 0 ? [{ address: '198.18.0.1', port: 6000, protocol: 'tcp' as const }] : [];
  return {
    imagePorts: Object.fromEntries(appNames.map((name) => [`acme/${name}:1`, ports])),
    containers: [
      ...containers.flatMap((make) => (make === undefined ? [] : [make(node)])),
      ...foreign.map((name) => aForeignContainer(name)),
    ],
    volumes: volumes.flatMap((make) => (make === undefined ? [] : [make(node)])),
    network: {
      present,
      holds: [...holds.map((port) => ({ port, protocol: 'tcp' as const })), ...virtual],
      ...(hasNames ? { names: noNames } : {}),
    },
  };
}

/** Three nodes in any state, possible or not, some of them out of reach. */
export const anyCluster: fc.Arbitrary<ClusterState> = fc
  .tuple(
    ...nodeNames.map(() =>
      fc.record({ status: fc.constantFrom('up', 'up', 'up', 'seen', 'never'), parts: parts(anyCopy) }),
    ),
  )
  .map((nodes) =>
    aCluster(
      ...nodes.map(({ status, parts: made }, index) => {
        const name = nodeNames[index] ?? 'a';
        if (status === 'never') return unreachable(name);
        return status === 'seen' ? unreachable(name, build(name, made)) : onNode(name, build(name, made));
      }),
    ),
  );

/**
 * Three reachable nodes as drover leaves them: each volume with one owner or none, no address for names with two
 * applications, containers anywhere.
 */
export const soundCluster: fc.Arbitrary<ClusterState> = fc
  .record({
    nodes: fc.tuple(...nodeNames.map(() => parts(() => fc.constant(() => aVolume('none')), true))),
    owners: fc.tuple(...volumeIds.map(() => fc.constantFrom(undefined, ...nodeNames))),
    mounted: fc.boolean(),
    limit: fc.constantFrom(...limits),
  })
  .map(({ nodes, owners, mounted, limit }) =>
    aCluster(
      ...nodes.map((made, index) => {
        const name = nodeNames[index] ?? 'a';
        const volumes = volumeIds
          .filter((_, volume) => owners[volume] === name)
          .map((id) => aVolume(id, { on: name, mounted, ...(limit === undefined ? {} : { limitBytes: limit }) }));
        return onNode(name, { ...build(name, made), volumes });
      }),
    ),
  );

/** The same values with the keys of every mapping in another order. */
export function reversedKeys<T>(value: T): T {
  if (Array.isArray(value) || typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toReversed();
  // A mapping with the same keys and values has the same type.
  return Object.fromEntries(entries.map(([key, inner]) => [key, reversedKeys(inner)])) as T;
}
