import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { chooseVersion } from '../../../../src/node/docker/api.ts';
import { pullProgress } from '../../../../src/node/docker/images.ts';
import { createDockerRuntime, type DockerRuntime } from '../../../../src/node/docker/runtime.ts';
import { readJsonLines, readLogLines } from '../../../../src/node/docker/streams.ts';
import type { NodeConnection } from '../../../../src/node/ssh/connection.ts';

const signal = new AbortController().signal;
type Answer = (request: IncomingMessage, response: ServerResponse) => void;
const json =
  (value: unknown, status = 200): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };

describe('talking to a daemon', () => {
  let dir = '';
  let daemon: Server;
  let runtime: DockerRuntime;
  let closed: AbortController;
  let connection: NodeConnection;
  let answers: Record<string, Answer>;
  let seen: string[];
  let script: NodeConnection['script'];

  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), 'drover-daemon-'));
    seen = [];
    answers = { 'GET /version': json({ ApiVersion: '1.41', MinAPIVersion: '1.12' }) };
    daemon = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0];
      seen.push(`${request.method} ${request.url}`);
      const answer = answers[`${request.method} ${path}`] ?? json({ message: 'page not found' }, 404);
      answer(request, response);
    });
    await new Promise<void>((resolve) => daemon.listen(join(dir, 'sock'), resolve));
    closed = new AbortController();
    const refuse = (): never => {
      throw new Error('the test has a socket only');
    };
    script = refuse;
    connection = {
      node: 'node1',
      run: refuse,
      script: (text, args, options) => script(text, args, options),
      spawn: refuse,
      countSessions: async (asked: number) => asked,
      prepare: async () => undefined,
      knock: async () => 'unknown' as const,
      openUnixSocket: async () => connectSocket(join(dir, 'sock')),
      remote: { host: '', address: '', port: 22, user: 'root', isRoot: true, hostKeys: [] },
      closed: closed.signal,
      close: async () => closed.abort(),
    };
    runtime = createDockerRuntime(connection);
  });
  afterEach(() => {
    closed.abort();
    daemon.closeAllConnections();
    daemon.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test('the version of the API is agreed on once', async () => {
    answers['GET /v1.41/containers/json'] = json([]);
    expect(await runtime.list(signal)).toEqual([]);
    await runtime.list(signal);
    expect(seen.map((line) => line.split('?')[0])).toEqual([
      'GET /version',
      'GET /v1.41/containers/json',
      'GET /v1.41/containers/json',
    ]);
  });

  test('the images by their names, images without a name left out; anything but a list is refused', async () => {
    answers['GET /v1.41/images/json'] = json([
      { Id: 'sha256:1', RepoTags: ['web:1', 'web:2'], RepoDigests: ['web@sha256:9'] },
      { Id: 'x', RepoTags: ['<none>:<none>'] },
    ]);
    const images = { 'web:1': 'sha256:1', 'web:2': 'sha256:1', 'web@sha256:9': 'sha256:1' };
    expect(await runtime.images(signal)).toEqual(images);
    for (const body of ['{}', '<html>', '']) {
      answers['GET /v1.41/images/json'] = (_request, response) => void response.writeHead(200).end(body);
      await expect(runtime.images(signal)).rejects.toMatchObject({ code: 'docker-failed' });
    }
  });

  test('an image is inspected once for all callers, until two observations no longer ask for it', async () => {
    const id = `sha256:${'1'.repeat(64)}`;
    const labels = { 'drover.managed': 'true', 'drover.application': 'web' };
    answers['GET /v1.41/containers/json'] = json([{ Id: 'c1', Labels: labels }]);
    answers['GET /v1.41/containers/c1/json'] = json({ Id: 'c1', Image: id, Config: { Labels: labels } });
    answers[`GET /v1.41/images/${id}/json`] = json({ Id: id, Config: { Volumes: { '/keep': {} } } });
    answers['GET /v1.41/images/json'] = json([]);
    const inspections = () => seen.filter((line) => line.includes(`/images/${id}/json`)).length;
    await runtime.list(signal);
    expect(await runtime.imageVolumes([id], signal)).toEqual({ [id]: ['/keep'] });
    await runtime.images(signal);
    await runtime.list(signal);
    expect(inspections()).toBe(1);
    expect(await runtime.version(signal)).toMatchObject({ dockerApi: '1.41' });
    for (let observation = 0; observation < 2; observation += 1) await runtime.images(signal);
    await runtime.list(signal);
    expect(inspections()).toBe(2);
  });

  test('anything but a list of containers is refused: the node is unknown, not empty', async () => {
    for (const body of ['{}', 'oops', '']) {
      answers['GET /v1.41/containers/json'] = (_request, response) => void response.writeHead(200).end(body);
      await expect(runtime.list(signal)).rejects.toMatchObject({ code: 'docker-failed' });
    }
  });

  test('an answer that never ends is given up at its size, and one that drips at its time', async () => {
    answers['GET /v1.41/containers/json'] = (_request, response) => {
      const chunk = Buffer.alloc(1 << 20, ' ');
      const go = (): void => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', go);
      };
      go();
    };
    await expect(runtime.list(signal)).rejects.toThrow('answered with more than 16 MiB');
    answers['GET /v1.41/containers/json'] = (_request, response) => {
      const timer = setInterval(() => response.write(' '), 50);
      response.on('close', () => clearInterval(timer));
    };
    runtime = createDockerRuntime(connection, 500);
    await expect(runtime.list(signal)).rejects.toMatchObject({ code: 'timeout', retryable: true });
  });

  test('a container that is removed while the list is read is left out', async () => {
    const labels = { 'drover.managed': 'true', 'drover.application': 'web' };
    answers['GET /v1.41/containers/json'] = json([
      { Id: 'gone', Labels: labels },
      { Id: 'helper', Labels: { 'drover.fill': 'web' } },
      { Id: 'theirs', Names: ['/db'], State: 'running', Labels: {} },
    ]);
    expect((await runtime.list(signal)).map((container) => container.id)).toEqual(['theirs']);
  });

  test('the volumes of a container that is removed stay', async () => {
    answers['GET /v1.41/containers/drover-web/json'] = json({ Config: { Labels: { 'drover.managed': 'true' } } });
    answers['DELETE /v1.41/containers/drover-web'] = json({}, 200);
    await runtime.remove('web', signal);
    expect(seen.at(-1)).toBe('DELETE /v1.41/containers/drover-web?');
  });

  test('a new container gets volumes with a name for what its image keeps, so that the next one has them again', async () => {
    const created: string[] = [];
    answers['GET /v1.41/images/x:1/json'] = json({
      Id: 'sha256:x',
      Config: { Volumes: { '/keep/': {}, '/data': {} } },
    });
    answers['POST /v1.41/containers/create'] = (request, response) => {
      request.on('data', (chunk) => created.push(String(chunk)));
      request.on('end', () => response.writeHead(201).end('{}'));
    };
    const spec = {
      application: 'web',
      image: 'x:1',
      ports: [],
      environment: {},
      mounts: [],
      restartPolicy: { name: 'never' },
    } as const;
    await runtime.create(spec, {}, signal);
    await runtime.create(spec, {}, signal);
    const mounts = created.map((text) => JSON.parse(text).HostConfig.Mounts);
    expect(mounts[0]).toMatchObject([
      { Type: 'volume', Source: 'drover-web-4caa7910', Target: '/data' },
      { Type: 'volume', Target: '/keep' },
    ]);
    expect(mounts[1]).toEqual(mounts[0]);
    expect(await runtime.imageVolumes(['x:1', 'none'], signal)).toEqual({ 'x:1': ['/data', '/keep'] });
  });

  test('a move asks only for what changes something, once it has looked', async () => {
    const labels = { 'drover.managed': 'true', 'drover.application': 'web' };
    const Image = 'sha256:x';
    answers['GET /v1.41/containers/json'] = json([{ Id: 'old', Labels: labels }]);
    answers['GET /v1.41/containers/old/json'] = json({
      Id: 'old',
      Name: '/drover-web',
      Image,
      Config: { Labels: labels },
    });
    answers[`GET /v1.41/images/${Image}/json`] = json({ Id: Image });
    answers['GET /v1.41/images/x:1/json'] = json({ Id: Image });
    answers['POST /v1.41/containers/old/wait'] = json({ StatusCode: 137 });
    answers['POST /v1.41/containers/old/stop'] = json({}, 204);
    answers['POST /v1.41/containers/create'] = json({ Id: 'new' }, 201);
    answers['POST /v1.41/containers/new/start'] = json({}, 204);
    const spec = {
      application: 'web',
      image: 'x:1',
      ports: [],
      environment: {},
      mounts: [{ volume: 'v', mountpoint: '/data' }],
      restartPolicy: { name: 'never' },
    } as const;
    await runtime.list(signal);
    await runtime.prepare(spec, signal);
    seen.length = 0;
    expect(await runtime.stop('web', 5_000, signal)).toEqual({ code: 137, killed: true });
    await runtime.createOnData(spec, { v: '/place/data' }, signal);
    await runtime.start('web', signal);
    expect(seen.map((line) => line.replace(/\?.*$/, ''))).toEqual([
      'POST /v1.41/containers/old/wait',
      'POST /v1.41/containers/old/stop',
      'POST /v1.41/containers/create',
      'POST /v1.41/containers/new/start',
    ]);
  });

  test('a container that is known and has gone is looked for by its name', async () => {
    const labels = { 'drover.managed': 'true', 'drover.application': 'web' };
    answers['GET /v1.41/containers/json'] = json([{ Id: 'old', Labels: labels }]);
    answers['GET /v1.41/containers/old/json'] = json({ Id: 'old', Name: '/drover-web', Config: { Labels: labels } });
    answers['GET /v1.41/containers/drover-web/json'] = json({ Id: 'new', Config: { Labels: labels } });
    answers['POST /v1.41/containers/new/start'] = json({}, 204);
    answers['POST /v1.41/containers/new/stop'] = (_request, response) => response.writeHead(304).end();
    await runtime.list(signal);
    await runtime.start('web', signal);
    expect(seen).toContain('POST /v1.41/containers/new/start?');
    // It does not run, Docker says.
    expect(await runtime.stop('web', 5_000, signal)).toBeUndefined();
  });

  test("Docker's words and status are in the failure", async () => {
    const ours = { Config: { Labels: { 'drover.managed': 'true' } }, State: { Status: 'created' } };
    answers['GET /v1.41/containers/drover-web/json'] = json(ours);
    answers['POST /v1.41/containers/drover-web/start'] = json({ message: 'port is already allocated' }, 500);
    await expect(runtime.start('web', signal)).rejects.toMatchObject({
      code: 'docker-failed',
      message: 'cannot start "drover-web" on "node1": port is already allocated',
      details: { status: 500 },
      retryable: false,
    });
  });

  test('an error in the middle of a pull is a missing image', async () => {
    answers['POST /v1.41/images/create'] = (_request, response) => {
      response.writeHead(200);
      response.end(
        '{"status":"Pulling from x"}\n{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n',
      );
    };
    const pull = runtime.pull({ repository: 'reg:5000/x', tag: '2' }, () => undefined, signal);
    await expect(pull).rejects.toMatchObject({
      code: 'image-missing',
      message: 'cannot pull "reg:5000/x:2" on "node1": manifest unknown',
      retryable: false,
    });
    expect(seen.at(-1)).toContain('fromImage=reg%3A5000%2Fx&tag=2');
  });

  test('a pull carries the login that the node itself has, and no error contains it', async () => {
    let header: unknown;
    answers['POST /v1.41/images/create'] = (request, response) => {
      header = request.headers['x-registry-auth'];
      response.writeHead(500).end('{"message":"denied"}');
    };
    const config = { auths: { 'reg:5000': { auth: Buffer.from('anna:top-secret?>').toString('base64') } } };
    script = async () => ({ stdout: JSON.stringify(config), stderr: '', code: 0 });
    const failure = await runtime
      .pull({ repository: 'reg:5000/x', tag: '2' }, () => undefined, signal)
      .catch((error: unknown) => error);
    expect(JSON.parse(Buffer.from(String(header), 'base64url').toString())).toMatchObject({
      username: 'anna',
      password: 'top-secret?>',
      serveraddress: 'reg:5000',
    });
    expect(failure).toMatchObject({ code: 'image-missing' });
    expect(inspect(failure, { depth: 10 })).not.toMatch(/top-secret|YW5uYTp0b3Atc2VjcmV0/);
  });

  const id = `sha256:${'a'.repeat(64)}`;
  const wanted = { image: { repository: 'web', tag: '1' }, id };
  /** An archive with nothing but this description. */
  const archive = (description: unknown): Readable => {
    const script = 'cd "$(mktemp -d)"; printf %s "$1" >manifest.json; tar -cf - manifest.json';
    return Readable.from([spawnSync('bash', ['-c', script, 'bash', JSON.stringify(description)]).stdout]);
  };
  const loads = (): { readonly bodies: boolean[] } => {
    const bodies: boolean[] = [];
    answers['POST /v1.41/images/load'] = (request, response) => {
      request.on('error', () => undefined);
      request.on('close', () => bodies.push(request.complete));
      request.resume();
      request.on('end', () => response.writeHead(200).end('{"stream":"Loaded"}'));
    };
    return { bodies };
  };

  test('a copied image gets its name when the node has found its id', async () => {
    const { bodies } = loads();
    answers[`GET /v1.41/images/${id}/json`] = json({ Id: id });
    answers[`POST /v1.41/images/${id}/tag`] = json({}, 201);
    await runtime.importImage(archive([{ RepoTags: null }]), signal, wanted);
    expect(bodies).toEqual([true]);
    expect(seen.slice(-2).map((line) => line.split('?')[0])).toEqual([
      `GET /v1.41/images/${id}/json`,
      `POST /v1.41/images/${id}/tag`,
    ]);
  });

  test('what is another image than the one wanted gets no name', async () => {
    loads();
    answers[`GET /v1.41/images/${id}/json`] = json({ message: 'no such image' }, 404);
    await expect(runtime.importImage(archive([{ RepoTags: null }]), signal, wanted)).rejects.toMatchObject({
      code: 'image-missing',
    });
    answers[`GET /v1.41/images/${id}/json`] = json({ Id: `sha256:${'b'.repeat(64)}` });
    await expect(runtime.importImage(archive([{ RepoTags: null }]), signal, wanted)).rejects.toMatchObject({
      code: 'image-missing',
    });
    expect(seen.filter((line) => line.includes('/tag'))).toEqual([]);
  });

  test('an archive that names an image of its own choice is never given to Docker as a whole', async () => {
    const { bodies } = loads();
    const bad = runtime.importImage(archive([{ RepoTags: ['postgres:16'] }]), signal, wanted);
    await expect(bad).rejects.toMatchObject({
      code: 'docker-failed',
      message: expect.stringContaining('it gives a name to an image'),
    });
    await vi.waitFor(() => expect(bodies.every((isWhole) => !isWhole)).toBe(true), { timeout: 60_000 });
    expect(seen.filter((line) => line.includes('/tag'))).toEqual([]);
  });

  test.each(['x/push?', '../containers/drover-db/kill', 'sha256:AA', `${id}\n`])(
    'an id such as %j is none, and no path of a request',
    async (bad) => {
      seen.length = 0;
      await expect(runtime.importImage(archive([]), signal, { ...wanted, id: bad })).rejects.toMatchObject({
        code: 'image-missing',
      });
      await expect((async () => runtime.exportImage({ id: bad }, signal))()).rejects.toMatchObject({
        code: 'image-missing',
      });
      expect(seen).toEqual([]);
    },
  );

  test('a daemon that hangs up is worth another try', async () => {
    answers['GET /v1.41/containers/json'] = (request) => void request.socket.destroy();
    await expect(runtime.list(signal)).rejects.toMatchObject({ code: 'docker-failed', retryable: true });
  });

  test('a cancelled request is cancelled, not failed', async () => {
    answers['GET /v1.41/containers/json'] = () => undefined;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    await expect(runtime.list(controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('events end without an error when the stream breaks', async () => {
    answers['GET /v1.41/events'] = (request, response) => {
      response.writeHead(200);
      response.write('{"Action":"start","Actor":{"Attributes":{"drover.application":"web"}}}\n{"Action":"die"}\n');
      setTimeout(() => request.socket.destroy(), 50);
    };
    const events = [];
    for await (const event of runtime.events(signal)) events.push(event);
    expect(events).toEqual([{ action: 'start', application: 'web' }, { action: 'die' }]);
  });
});

describe('the version of the API', () => {
  test.each([
    ['1.41', '1.12', '1.41'],
    ['1.45', '1.24', '1.45'],
    ['1.52', '1.44', '1.47'],
    ['1.60', '1.50', '1.50'],
  ])('a daemon that speaks up to %s and down to %s is spoken to in %s', (theirs, oldest, expected) => {
    expect(chooseVersion('node1', theirs, oldest)).toBe(expected);
  });

  test('a Docker older than 20.10 is refused', () => {
    expect(() => chooseVersion('node1', '1.40', '1.12')).toThrow('its API is 1.40');
  });
});

describe('streams', () => {
  const frame = (stream: number, text: string): Buffer => {
    const data = Buffer.from(text);
    const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
    header.writeUInt32BE(data.length, 4);
    return Buffer.concat([header, data]);
  };
  const bytewise = (data: Buffer): Readable => Readable.from([...data].map((byte) => Buffer.from([byte])));
  const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
    const all: T[] = [];
    for await (const item of items) all.push(item);
    return all;
  };

  test('log lines are put together whatever the pieces, also within a character', async () => {
    const data = Buffer.concat([frame(1, 'on'), frame(2, 'fäult\r\n'), frame(1, ''), frame(1, 'e\ntw'), frame(1, 'ö')]);
    const lines = [
      { stream: 'stderr', text: 'fäult' },
      { stream: 'stdout', text: 'one' },
      { stream: 'stdout', text: 'twö' },
    ];
    expect(await collect(readLogLines(bytewise(data), false))).toEqual(lines);
    expect(await collect(readLogLines(Readable.from([data]), false))).toEqual(lines);
  });

  test('a terminal has one stream and no headers', async () => {
    expect(await collect(readLogLines(bytewise(Buffer.from('a\r\nb')), true))).toEqual([
      { stream: 'stdout', text: 'a' },
      { stream: 'stdout', text: 'b' },
    ]);
  });

  test('lines that are no JSON are left out', async () => {
    expect(await collect(readJsonLines(bytewise(Buffer.from('{"a":1}\nnonsense\n[2]'))))).toEqual([{ a: 1 }, [2]]);
  });

  test('progress adds the layers up, and has no total before all are known', () => {
    const reported: unknown[][] = [];
    const see = pullProgress((...args) => reported.push(args));
    see({ status: 'Pulling from library/x', id: 'latest' });
    see({ status: 'Pulling fs layer', id: 'a' });
    see({ status: 'Downloading', id: 'a', progressDetail: { current: 10, total: 100 } });
    see({ status: 'Already exists', id: 'b' });
    see({ status: 'Pull complete', id: 'a' });
    expect(reported).toEqual([
      ['layer 0 of 1', 0],
      ['layer 0 of 1', 10, 100],
      ['layer 1 of 2', 10, 100],
      ['layer 2 of 2', 100, 100],
    ]);
  });
});
