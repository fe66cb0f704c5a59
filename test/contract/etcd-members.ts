import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Three members of one etcd on loopback, with TLS between them and towards clients. */
export interface EtcdMembers {
  readonly endpoints: readonly string[];
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  signal(member: number, signal: NodeJS.Signals): void;
  start(member: number): void;
  /** The member that leads, by its number; undefined while there is none. */
  leader(): Promise<number | undefined>;
  /** Resolves when all three members answer. */
  healthy(): Promise<void>;
  /** etcdctl with the client's certificate. */
  etcdctl(...words: string[]): Promise<string>;
  end(): Promise<void>;
}

/** Debian's etcd, from `DROVER_TEST_ETCD` or as it is installed; started with pre-vote. Resolves when all answer. */
export async function startEtcd(): Promise<EtcdMembers> {
  const tree = process.env.DROVER_TEST_ETCD ?? '/';
  const folder = mkdtempSync(join(tmpdir(), 'drover-etcd-'));
  await makeCertificates(folder);
  const ports = await freePorts(6);
  const members = [0, 1, 2].map((index) => ({ client: ports[index] ?? 0, peer: ports[index + 3] ?? 0 }));
  const endpoints = members.map(({ client }) => `https://127.0.0.1:${client}`);
  const peers = members.map(({ peer }, index) => `m${index}=https://127.0.0.1:${peer}`).join(',');
  const children: ChildProcess[] = [];
  const files = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };

  const start = (index: number): void => {
    const { client = 0, peer = 0 } = members[index] ?? {};
    const words = [
      `--name=m${index}`,
      `--data-dir=${join(folder, `data-${index}`)}`,
      `--listen-client-urls=https://127.0.0.1:${client}`,
      `--advertise-client-urls=https://127.0.0.1:${client}`,
      `--listen-peer-urls=https://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=https://127.0.0.1:${peer}`,
      `--initial-cluster=${peers}`,
      '--pre-vote=true',
      '--client-cert-auth=true',
      '--peer-client-cert-auth=true',
      ...['', 'peer-'].flatMap((side) => [
        `--${side}trusted-ca-file=${files.ca}`,
        `--${side}cert-file=${files.cert}`,
        `--${side}key-file=${files.key}`,
      ]),
    ];
    children[index] = spawn(join(tree, 'usr', 'bin', 'etcd'), words, { stdio: 'ignore' });
  };
  const etcdctl = async (...words: string[]): Promise<string> => {
    const own = [
      `--endpoints=${endpoints.join(',')}`,
      `--cacert=${files.ca}`,
      `--cert=${files.cert}`,
      `--key=${files.key}`,
    ];
    const env = { ...process.env, ETCDCTL_API: '3' };
    return (await run(join(tree, 'usr', 'bin', 'etcdctl'), [...own, ...words], { env })).stdout;
  };
  const leader = async (): Promise<number | undefined> => {
    const text = await etcdctl('endpoint', 'status', '--write-out=json').catch(
      (error: { stdout?: string }) => error.stdout ?? '',
    );
    const all = JSON.parse(text === '' ? '[]' : text) as readonly {
      readonly Endpoint: string;
      readonly Status: { readonly header: { readonly member_id: number }; readonly leader: number };
    }[];
    const one = all.find(({ Status: { header, leader: led } }) => led === header.member_id);
    return one === undefined ? undefined : endpoints.indexOf(one.Endpoint);
  };
  members.forEach((_, index) => {
    start(index);
  });
  const read = (file: string): string => readFileSync(file, 'utf8');
  const started = {
    endpoints,
    ca: read(files.ca),
    cert: read(files.cert),
    key: read(files.key),
    signal: (member: number, signal: NodeJS.Signals) => {
      children[member]?.kill(signal);
    },
    start,
    leader,
    etcdctl,
    healthy: async () => {
      for (let turn = 0; turn < 300; turn += 1) {
        if (
          await etcdctl('endpoint', 'health').then(
            () => true,
            () => false,
          )
        )
          return;
        await pause(200);
      }
      throw new Error('etcd does not become healthy');
    },
    end: async () => {
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(
        children.map((child) => child.exitCode ?? new Promise((resolve) => child.once('exit', resolve))),
      );
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await started.healthy();
  return started;
}

/** One certificate for members and clients, for loopback. */
async function makeCertificates(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const openssl = (...words: string[]) => run('openssl', words, { cwd: folder });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl('req', '-x509', ...curve, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '2', '-subj', '/CN=test');
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'extendedKeyUsage=serverAuth,clientAuth'];
  await openssl('req', '-new', ...curve, '-keyout', 'key.pem', '-out', 'request.pem', '-subj', '/CN=drover', ...names);
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2'];
  await openssl('x509', '-req', '-in', 'request.pem', ...sign, '-out', 'cert.pem');
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once('listening', resolve))));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
