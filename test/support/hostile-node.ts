import { generateKeyPairSync } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import ssh2, { type ServerChannel } from 'ssh2';
import { observeScript, sections } from '../../src/node/observe-node.ts';

/** What a node sends instead of its answer; endless unless its name says otherwise. */
export type Flood =
  | 'none'
  /** Docker's list of containers: text without an end, many containers, tiny values, headers, a byte from time to time. */
  | 'list'
  | 'million'
  | 'values'
  | 'headers'
  | 'drip'
  /** Many containers, about each of which it answers late. */
  | 'late'
  /** Docker's answer about one container, its refusals, its events, a container's log. */
  | 'inspect'
  | 'refusal'
  | 'events'
  | 'log'
  /** Of every script: its output, one line feed after another, its stderr, nothing at all. */
  | 'stdout'
  | 'lines'
  | 'stderr'
  | 'silent'
  /** Of the command that holds the lock: before it is there, and after. */
  | 'lock'
  | 'locked';

/** A simulated node over SSH: this process plays its shell and its Docker. */
export interface PlayedNode {
  readonly port: number;
  /** `type base64` of its host key. */
  readonly hostKey: string;
  /** Sets the answer from now on. */
  play(flood: Flood): void;
  /** Names of the applications whose containers run there. */
  running(): readonly string[];
  /** Commands and requests to Docker since the last time: the command's line, `GET /path`. */
  takeAsked(): readonly string[];
  /** Forgets its containers. */
  reset(): void;
  close(): void;
}

const mebibyte = Buffer.alloc(1 << 20, 'a');

/** Writes as fast as the other side reads, up to this many bytes, and never ends. */
function flood(to: Writable, chunk: Buffer = mebibyte, most = Number.POSITIVE_INFINITY): void {
  let over = false;
  let written = 0;
  const end = (): void => {
    over = true;
  };
  to.on('close', end).on('error', end);
  const go = (): void => {
    while (!over && written < most) {
      written += chunk.length;
      if (!to.write(chunk)) break;
    }
    // Yields to the event loop, so that the other node of this process can answer too.
    if (!over && written < most) to.once('drain', () => setImmediate(go));
  };
  go();
}

/** Starts it on a loopback port. `id` is the node's own, a UUID; `network` is its table, as nft lists it in JSON. */
export async function playNode(id: string, network = ''): Promise<PlayedNode> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const hostKey = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
  let mode: Flood = 'none';
  const asked: string[] = [];
  const docker = playDocker(
    () => mode,
    (request) => asked.push(request),
  );
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => undefined);
    client.on('authentication', (context) => {
      if (context.method === 'publickey') context.accept();
      else context.reject(['publickey']);
    });
    client.on('openssh.streamlocal', (accept) => docker.connect(accept()));
    client.on(
      'tcpip',
      (accept) =>
        void accept()
          .on('error', () => undefined)
          .resume(),
    );
    client.on('session', (accept) => {
      accept().on('exec', (start, _reject, { command }) => {
        const channel = start();
        channel.on('error', () => undefined);
        channel.stderr.on('error', () => undefined);
        channel.stderr.write('drover-pid:4242\n');
        asked.push(command);
        attend(channel, command, { id, network }, mode);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  return {
    port,
    hostKey: `ssh-rsa ${parsed.getPublicSSH().toString('base64')}`,
    play: (next) => {
      mode = next;
    },
    running: () => [...docker.containers.values()].filter((one) => one.started).map((one) => one.application),
    takeAsked: () => asked.splice(0),
    reset: () => docker.containers.clear(),
    close: () => {
      server.close();
      docker.close();
    },
  };
}

interface PlayedFacts {
  readonly id: string;
  readonly network: string;
}

/** The words of a command that drover has quoted. */
const wordsOf = (command: string): readonly string[] =>
  [...command.matchAll(/'((?:[^']|'\\'')*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll("'\\''", "'") ?? plain ?? '',
  );

function attend(channel: ServerChannel, command: string, facts: PlayedFacts, mode: Flood): void {
  const say = (text: string): void => {
    channel.write(text, () => {
      channel.exit(0);
      channel.end();
    });
  };
  const words = wordsOf(command);
  if (command.includes('drover-lock')) {
    playLock(channel, mode);
    return;
  }
  if (!command.includes('bash -s')) {
    channel.resume();
    say(/ id -u$/.test(command) ? '0\n' : '');
    return;
  }
  let script = '';
  channel.on('data', (chunk: Buffer) => {
    script += chunk.toString();
  });
  channel.on('end', () => {
    if (mode === 'stdout') flood(channel);
    else if (mode === 'lines') flood(channel, Buffer.alloc(1 << 20, '\n'));
    else if (mode === 'stderr') flood(channel.stderr);
    else if (mode !== 'silent') say(answerScript(script, words.slice(words.indexOf('-s') + 2), facts));
  });
}

function playLock(channel: ServerChannel, mode: Flood): void {
  channel.on('data', () => undefined);
  channel.on('end', () => {
    channel.exit(0);
    channel.end();
  });
  if (mode !== 'lock') channel.write('locked\n');
  if (mode === 'lock' || mode === 'locked') flood(channel);
}

/** The output of drover's scripts on a node without volumes. */
function answerScript(script: string, args: readonly string[], { id, network }: PlayedFacts): string {
  if (script.includes(observeScript)) {
    const [root = '', , separator = '', pool = ''] = args;
    const texts: Partial<Record<(typeof sections)[number], string>> = {
      datasets: `${root}\tdrover:node\t${id}\tlocal\n`,
      pool: `${pool}\tONLINE\t100000000000\t50000000000\tenabled\tdisabled\n50000000000\n`,
      system: '2.2.7\n6.1.0 x86_64\n',
      boot: network === '' ? 'ready\nalone wait\n' : '',
      network,
    };
    return sections.map((name) => texts[name] ?? '').join(`${separator}\n`);
  }
  return '';
}

interface PlayedContainer {
  readonly application: string;
  readonly body: Readonly<Record<string, unknown>>;
  started: boolean;
}

function playDocker(mode: () => Flood, note: (request: string) => void) {
  const containers = new Map<string, PlayedContainer>();
  const server = createServer((request, response) => {
    let body = '';
    note(`${request.method} ${pathOf(request)}`);
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (!answerFlood(mode(), pathOf(request), response)) answerDocker(containers, request, body, response);
    });
  });
  server.on('clientError', () => undefined);
  return {
    containers,
    connect(stream: Duplex): void {
      stream.on('error', () => undefined);
      const same = (): Duplex => stream;
      const nothing = Object.fromEntries(
        ['setTimeout', 'setNoDelay', 'setKeepAlive', 'ref', 'unref'].map((name) => [name, same]),
      );
      server.emit('connection', Object.assign(stream, nothing));
    },
    close: () => server.closeAllConnections(),
  };
}

const pathOf = ({ url = '' }: IncomingMessage): string => url.replace(/^\/v[\d.]+/, '').replace(/\?.*/, '');

/** False where Docker answers as it should. */
function answerFlood(mode: Flood, path: string, response: ServerResponse): boolean {
  const json = (): void => void response.writeHead(200, { 'Content-Type': 'application/json' });
  const isList = path === '/containers/json';
  if (mode === 'headers' && isList) {
    response.socket?.write('HTTP/1.1 200 OK\r\n');
    if (response.socket) flood(response.socket, Buffer.from('X-A: bbbbbbbbbbbbbbbbbbbb\r\n'.repeat(1000)));
  } else if (mode === 'list' && isList) {
    json();
    response.write('["');
    flood(response);
  } else if (mode === 'million' && isList) {
    json();
    const one = '{"Id":"c","Names":["/c"],"Labels":{},"Image":"i","State":"running","Ports":[]}';
    response.end(`[${Array.from({ length: 1_000 }, () => Array.from({ length: 1_000 }, () => one).join()).join()}]`);
  } else if (mode === 'values' && isList) {
    json();
    response.end(`[${'[],'.repeat(4_000_000)}[]]`);
  } else if (mode === 'drip' && isList) {
    json();
    const timer = setInterval(() => response.write(' '), 200);
    response.on('close', () => clearInterval(timer));
  } else if (mode === 'late' && path.startsWith('/containers/') && !isList) {
    const timer = setTimeout(() => response.writeHead(200).end('{"Id":"c"}'), 1_500);
    response.on('close', () => clearTimeout(timer));
  } else if ((mode === 'inspect' || mode === 'late') && isList) {
    json();
    const labels = { 'drover.managed': 'true', 'drover.application': 'x' };
    response.end(
      JSON.stringify(
        Array.from({ length: mode === 'late' ? 1_000 : 100 }, (_, at) => ({ Id: `c${at}`, Labels: labels })),
      ),
    );
  } else if (mode === 'inspect' && path.startsWith('/containers/')) {
    json();
    response.write('{"Id":"');
    // Six are asked for at once, and this process plays the other node as well.
    flood(response, mebibyte, 64 << 20);
  } else if (mode === 'refusal' && isList) {
    response.writeHead(500);
    flood(response);
  } else if (mode === 'events' && path === '/events') {
    json();
    flood(
      response,
      Buffer.from('{"Action":"start","Type":"container","Actor":{"Attributes":{"name":"x"}}}\n'.repeat(10_000)),
    );
  } else if (mode === 'log' && path.endsWith('/logs')) {
    response.writeHead(200);
    const [head, text] = [Buffer.alloc(8), Buffer.from(`${'log line '.repeat(12)}\n`.repeat(1_000))];
    head[0] = 1;
    head.writeUInt32BE(text.length, 4);
    flood(response, Buffer.concat([head, text]));
  } else return false;
  return true;
}

/** The part of Docker's API that a container without volumes needs. */
function answerDocker(
  containers: Map<string, PlayedContainer>,
  request: IncomingMessage,
  body: string,
  response: ServerResponse,
): void {
  const json = (value: unknown, status = 200): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
  };
  const path = pathOf(request);
  const [, id = '', rest = ''] = /^\/containers\/([^/]+)\/?(.*)$/.exec(path) ?? [];
  const found = containers.get(id);
  if (path === '/version') json({ Version: '26.1', ApiVersion: '1.45', MinAPIVersion: '1.24' });
  else if (path === '/volumes') json({ Volumes: [], Warnings: null });
  else if (path === '/images/json') json([{ Id: 'sha256:abc', RepoTags: ['web:1'] }]);
  else if (path === '/events') response.writeHead(200).flushHeaders();
  else if (path.startsWith('/images/')) json({ Id: 'sha256:abc', Config: { Env: [], Cmd: ['web'], Entrypoint: [] } });
  else if (path === '/containers/json') {
    const labelsOf = (one: PlayedContainer): unknown => one.body.Labels;
    json(
      [...containers].map(([name, one]) => ({
        Id: name,
        Names: [`/${name}`],
        Labels: labelsOf(one),
        State: 'running',
        Ports: [{ PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }],
        NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2' } } },
      })),
    );
  } else if (path === '/containers/create') {
    const name = new URL(request.url ?? '', 'http://docker').searchParams.get('name') ?? '';
    containers.set(name, { application: name.replace(/^drover-/, ''), body: JSON.parse(body), started: false });
    json({ Id: name }, 201);
  } else if (found === undefined) json({ message: 'No such container' }, 404);
  else if (rest === 'start') {
    found.started = true;
    response.writeHead(204).end();
  } else if (rest === 'json') {
    const state = {
      Status: found.started ? 'running' : 'created',
      StartedAt: '2024-01-01T00:00:00Z',
      Running: found.started,
    };
    const { HostConfig, ...config } = found.body;
    json({
      Id: id,
      Name: `/${id}`,
      Image: 'sha256:abc',
      State: state,
      Config: config,
      HostConfig,
      Mounts: gateOf(HostConfig),
    });
  } else json({ message: 'not played' }, 501);
}

/** The mounts as Docker reports them. */
function gateOf(hostConfig: unknown): readonly unknown[] {
  const mounts = (hostConfig as { readonly Mounts?: readonly { Type: string; Source: string; Target: string }[] })
    ?.Mounts;
  return (mounts ?? []).map(({ Type, Source, Target }) => ({ Type, Source, Destination: Target }));
}
