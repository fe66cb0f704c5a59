import { describe, expect, test } from 'vitest';
import type { ContainerSpec, ImageDefaults } from '../../../../src/model/cluster.ts';
import { chooseAddress } from '../../../../src/node/docker/name-network.ts';
import { createBody, readContainer, readImageDefaults } from '../../../../src/node/docker/spec.ts';

const spec: ContainerSpec = {
  application: 'db',
  image: 'postgres:16',
  ports: [{ internal: 8080, external: 80, protocol: 'tcp' }],
  names: {
    address: '198.18.3.7',
    mesh: '10.0.0.2',
    ports: [
      { port: 5432, protocol: 'tcp', meshPort: 20_001 },
      { port: 8080, protocol: 'tcp', meshPort: 80 },
    ],
    networks: ['back', 'front'],
    resolver: '198.19.0.4',
    hosts: { database: '198.18.9.9' },
  },
  environment: {},
  mounts: [],
  restartPolicy: { name: 'never' },
};
const none: ImageDefaults = { environment: {}, command: [], entrypoint: [] };

const inspected = (body: ReturnType<typeof createBody>) => ({
  Id: 'abc',
  Name: '/drover-db',
  Image: 'sha256:1',
  Config: body,
  HostConfig: body.HostConfig,
  State: { Status: 'running' },
  Mounts: [],
});
const read = (body: ReturnType<typeof createBody>): ContainerSpec => readContainer(inspected(body), none).spec;

describe('the names of a container', () => {
  test('Docker publishes each port at the mesh address where no external port does, none at the virtual address', () => {
    expect(createBody(spec, {})).toMatchObject({
      HostConfig: {
        PortBindings: {
          '8080/tcp': [{ HostPort: '80' }],
          '5432/tcp': [{ HostIp: '10.0.0.2', HostPort: '20001' }],
        },
        Dns: ['198.19.0.4'],
        ExtraHosts: ['database:198.18.9.9'],
      },
    });
  });

  test('what is made from names reads back as the same names, and none of their ports is an external port', () => {
    expect(read(createBody(spec, {}))).toEqual(spec);
    const isolated = { ...spec, names: { address: '198.18.3.7', mesh: '10.0.0.2', ports: [], networks: [] } };
    expect(read(createBody(isolated, {}))).toEqual(isolated);
    const internal = { ...spec, ports: [], names: { ...isolated.names, networks: ['a'], isInternal: true as const } };
    expect(read(createBody(internal, {}))).toEqual(internal);
  });

  test('an external port in the range of mesh ports stays an external port', () => {
    const { names } = spec;
    const own = {
      ...spec,
      ports: [{ internal: 5432, external: 20_001, protocol: 'tcp' as const, addresses: ['10.0.0.2'] }],
      ...(names === undefined ? {} : { names: { ...names, ports: names.ports.slice(0, 1) } }),
    };
    expect(read(createBody(own, {}))).toEqual(own);
  });

  test('it has an address on the network of its set, and there its own names lead to itself', () => {
    const named = { ...spec, ...(spec.names === undefined ? {} : { names: { ...spec.names, aliases: ['sql'] } }) };
    const body = createBody(named, {}, [], '', { network: 'drover-0123456789', address: '172.18.128.7' });
    expect(body).toMatchObject({
      HostConfig: { NetworkMode: 'drover-0123456789' },
      NetworkingConfig: {
        EndpointsConfig: {
          'drover-0123456789': {
            IPAMConfig: { IPv4Address: '172.18.128.7' },
            Links: ['drover-db:db', 'drover-db:sql'],
          },
        },
      },
    });
    expect(read(body)).toEqual(named);
  });

  test('the address follows from the application; a taken one is left out, and a full network has none', () => {
    const first = chooseAddress('172.18.0.0/16', 'db', new Set());
    expect(first).toMatch(/^172\.18\.(12[89]|1[3-9]\d|2\d\d)\.\d+$/);
    expect(chooseAddress('172.18.0.0/16', 'db', new Set(['172.18.0.2']))).toBe(first);
    expect(chooseAddress('172.18.0.0/16', 'db', new Set([first ?? '']))).not.toBe(first);
    const all = Array.from({ length: 4 }, (_, at) => `10.0.0.${at + 4}`);
    expect(chooseAddress('10.0.0.0/29', 'db', new Set(all))).toBeUndefined();
    expect(all.slice(0, 3)).toContain(chooseAddress('10.0.0.0/29', 'db', new Set([])));
  });

  test('a container without names has neither the label nor a name server', () => {
    const { names: _names, ...plain } = spec;
    const body = createBody(plain, {}) as { HostConfig: object; Labels: object };
    expect(body.Labels).not.toHaveProperty('drover.names');
    expect(body.HostConfig).not.toHaveProperty('Dns');
    expect(read(body)).toEqual(plain);
  });

  test.each([
    'no JSON',
    '{}',
    '{"address":"somewhere","mesh":"10.0.0.2"}',
    '{"address":"198.18.3.7","mesh":["10.0.0.2"]}',
  ])('a label that drover does not write, %s, is no names: the bindings count as ports', (label) => {
    const body = createBody(spec, {}) as { Labels: Record<string, string> };
    body.Labels['drover.names'] = label;
    const found = read(body);
    expect(found).not.toHaveProperty('names');
    expect(found.ports.map(({ external }) => external)).toEqual([80, 20_001]);
  });

  test('the ports that an image exposes are sorted, and other protocols are left out', () => {
    const Config = { ExposedPorts: { '8080/tcp': {}, '53/udp': {}, '53/tcp': {}, '9/sctp': {}, '70000/tcp': {} } };
    expect(readImageDefaults({ Config }).exposes).toEqual([
      { port: 53, protocol: 'tcp' },
      { port: 53, protocol: 'udp' },
      { port: 8080, protocol: 'tcp' },
    ]);
    expect(readImageDefaults({ Config: {} })).not.toHaveProperty('exposes');
  });
});
