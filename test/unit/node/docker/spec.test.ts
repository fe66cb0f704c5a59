import { describe, expect, test } from 'vitest';
import type { ContainerSpec, ImageDefaults } from '../../../../src/model/cluster.ts';
import { createBody, readContainer, readForeign, readImageDefaults } from '../../../../src/node/docker/spec.ts';

const spec: ContainerSpec = {
  application: 'web',
  image: 'nginx:1',
  ports: [
    { internal: 80, external: 8080, protocol: 'tcp' },
    { internal: 80, external: 8081, protocol: 'tcp' },
    { internal: 53, external: 8081, protocol: 'udp' },
  ],
  environment: { A: '1', B: 'x=y' },
  command: ['serve', '--all'],
  mounts: [
    { volume: 'vol-z', mountpoint: '/z' },
    { volume: 'vol-a', mountpoint: '/a' },
  ],
  memoryLimitBytes: 1000,
  cpuShares: 7,
  restartPolicy: { name: 'on-failure', maximumRetryCount: 2 },
};
const directories = { 'vol-a': '/pool/a/data', 'vol-z': '/pool/z/data' };
const none: ImageDefaults = { environment: {}, command: [], entrypoint: [] };

/** What the daemon shows of a container made from this body. */
const inspected = (body: ReturnType<typeof createBody>, changes: object = {}) => {
  const host = body.HostConfig as { Mounts: { Source: string; Target: string }[] };
  return {
    Id: 'abc',
    Name: '/drover-web',
    Image: 'sha256:1',
    Config: body,
    HostConfig: host,
    State: { Status: 'created', StartedAt: '0001-01-01T00:00:00Z', ExitCode: 0, OOMKilled: false },
    // Docker gives them in no order.
    Mounts: host.Mounts.map((mount) => ({ Type: 'bind', Source: mount.Source, Destination: mount.Target })).reverse(),
    ...changes,
  };
};

describe('creating', () => {
  test('what is made from a specification reads back as the same one', () => {
    expect(readContainer(inspected(createBody(spec, directories)), none).spec).toEqual(spec);
  });

  test('a container that starts in its order carries the gate, which is not one of its volumes', () => {
    const ordered = { ...spec, after: ['cache', '5432/tcp'] };
    const body = createBody(ordered, directories) as { HostConfig: { Mounts: object[] }; Labels: object };
    expect(body.HostConfig.Mounts[2]).toEqual({
      Type: 'bind',
      Source: '/run/drover/gate',
      Target: '/run/drover/gate',
      ReadOnly: true,
    });
    expect(body.Labels).toMatchObject({ 'drover.after': 'cache 5432/tcp' });
    expect(readContainer(inspected(body), none).spec).toEqual(ordered);
    expect(readContainer(inspected(createBody({ ...spec, after: [] }, directories)), none).spec.after).toEqual([]);
    // The label alone keeps no order.
    expect(readContainer({ ...inspected(body), Mounts: [] }, none).spec).not.toHaveProperty('after');
  });

  test('several host ports of one container port are bound, separately for each protocol', () => {
    expect(createBody(spec, directories)).toMatchObject({
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: {
        PortBindings: { '80/tcp': [{ HostPort: '8080' }, { HostPort: '8081' }], '53/udp': [{ HostPort: '8081' }] },
      },
    });
  });

  test('volumes are binds that fail where the directory is missing', () => {
    const { HostConfig } = createBody(spec, directories) as { HostConfig: { Mounts: object[] } };
    expect(HostConfig.Mounts[0]).toEqual({ Type: 'bind', Source: '/pool/z/data', Target: '/z' });
    expect(HostConfig).not.toHaveProperty('Binds');
  });

  test('a volume without a directory is refused', () => {
    expect(() => createBody(spec, { 'vol-a': '/pool/a/data' })).toThrow('no directory for volume "vol-z"');
  });

  test.each(['never', 'always', 'unless-stopped', 'on-failure'] as const)(
    'the restart policy %s reads back',
    (name) => {
      const changed = { ...spec, restartPolicy: { name } };
      expect(readContainer(inspected(createBody(changed, directories)), none).spec.restartPolicy).toEqual({ name });
    },
  );
});

describe('reading', () => {
  const body = createBody(spec, directories);
  const read = (changes: object, image = none) => readContainer(inspected(body, changes), image);

  test('a container that never ran has no start and no end', () => {
    expect(read({})).toMatchObject({ state: 'created', managed: true, application: 'web', name: 'drover-web' });
    expect(read({})).not.toHaveProperty('startedAt');
    expect(read({})).not.toHaveProperty('exit');
  });

  test('an ended one says how', () => {
    const State = { Status: 'exited', StartedAt: '2026-01-02T03:04:05Z', ExitCode: 137, OOMKilled: true };
    expect(read({ State })).toMatchObject({ exit: { code: 137, oomKilled: true }, startedAt: '2026-01-02T03:04:05Z' });
  });

  test('health is read where the image has a check', () => {
    expect(read({ State: { Status: 'running', Health: { Status: 'unhealthy' } } }).health).toBe('unhealthy');
    expect(read({ State: { Status: 'running', Health: { Status: 'none' } } })).not.toHaveProperty('health');
  });

  test('a label without its bind is not a mount, and a bind without its label shows its directory', () => {
    const Mounts = [
      { Type: 'bind', Source: '/elsewhere', Destination: '/other' },
      { Type: 'volume', Source: '/var/lib/docker/volumes/x', Destination: '/z' },
    ];
    expect(read({ Mounts }).spec).toMatchObject({
      mounts: [],
      binds: [{ source: '/elsewhere', mountpoint: '/other' }],
    });
  });

  test('an empty entrypoint that overrides the one of the image is read back', () => {
    const Config = { ...body, Entrypoint: null };
    expect(read({ Config }, { ...none, entrypoint: ['/init'] }).spec.entrypoint).toEqual([]);
    expect(read({ Config }).spec).not.toHaveProperty('entrypoint');
  });

  test('nonsense is read as an empty container, not as an exception', () => {
    expect(readContainer({ Config: 7, Mounts: 'x', HostConfig: { PortBindings: { a: 1 } } }, none)).toMatchObject({
      id: '',
      spec: { ports: [], mounts: [], environment: {} },
    });
  });

  test("an image's own settings are read", () => {
    const image = { Config: { Env: ['PATH=/bin', 'EMPTY'], Cmd: ['run'], Entrypoint: null } };
    expect(readImageDefaults(image)).toEqual({
      environment: { PATH: '/bin', EMPTY: '' },
      command: ['run'],
      entrypoint: [],
    });
    expect(readImageDefaults(undefined)).toEqual(none);
  });

  test('a foreign container has its published ports once, and no application', () => {
    const foreign = readForeign({
      Id: 'x',
      Names: ['/db'],
      State: 'running',
      Image: 'db:1',
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 1, PublicPort: 2, Type: 'tcp' },
        { IP: '::', PrivatePort: 1, PublicPort: 2, Type: 'tcp' },
        { PrivatePort: 3, Type: 'tcp' },
        { IP: '0.0.0.0', PrivatePort: 1, PublicPort: 2, Type: 'udp' },
      ],
    });
    expect(foreign).toMatchObject({ name: 'db', managed: false, state: 'running' });
    expect(foreign).not.toHaveProperty('application');
    expect(foreign.spec.ports).toEqual([
      { internal: 1, external: 2, protocol: 'tcp' },
      { internal: 1, external: 2, protocol: 'udp' },
    ]);
  });
});
