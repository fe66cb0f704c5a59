// @program docker-compose
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drover, labIsThere, node1, onNode, ownersOn, pause, type Ran, resetLab, run } from './lab.ts';

// A project that Docker Compose itself has made, with a database of some hundred megabytes: taken over while a client
// reads from it, exported, and started by Docker Compose again.

const bigFiles = 40;
const bigBytes = 6_000_000;
const program =
  "trap 'exit 0' TERM; httpd -p 80 -h /data; while :; do date +%s >>/data/log; sleep 0.2 & wait $$!; done";

const compose = `name: shop
services:
  db:
    image: drover/busybox:1
    command: ["sh", "-c", ${JSON.stringify(program)}]
    restart: unless-stopped
    environment:
      PASSWORD: hunter2
      PRICE: "$$5"
    ports: ["8080:80"]
    volumes: ["data:/data"]
  worker:
    image: drover/busybox:1
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [db]
    restart: always
volumes:
  data: {}
`;

const state = join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'drover', 'lab');
const labFolder = join(state, process.env.DROVER_LAB || 'default');
const volume = '/var/lib/docker/volumes/shop_data/_data';

/** All that a copy must have, as one number: contents, owners, modes, times, links and attributes. */
const printOf = (directory: string): Promise<string> =>
  onNode(
    node1,
    `tar -C ${directory} -c --sort=name --format=posix --numeric-owner --acls --xattrs --xattrs-include='*' ` +
      '--pax-option=exthdr.name=%d/%f,delete=atime,delete=ctime . | sha256sum',
  );

/** Reads the log of the database again and again; returns the longest time without an answer. */
function watchLog(): { readonly stop: () => Promise<number> } {
  let [going, longest, last] = [true, 0, Date.now()];
  const loop = (async () => {
    while (going) {
      const answer = await fetch(`http://${node1}:8080/log`, { signal: AbortSignal.timeout(2000) }).catch(
        () => undefined,
      );
      const text = await answer?.text().catch(() => undefined);
      if (answer?.ok === true && text !== undefined) {
        longest = Math.max(longest, Date.now() - last);
        last = Date.now();
      }
      await pause(20);
    }
    return Math.max(longest, Date.now() - last);
  })();
  return {
    stop: () => {
      going = false;
      return loop;
    },
  };
}

describe.skipIf(!labIsThere)('a project of Docker Compose', () => {
  let folder = '';
  let tunnel: ChildProcess | undefined;
  const socket = () => join(folder, 'docker.sock');
  /** Debian 12 has docker-compose 1.29, which does not know two of the keys. */
  const dockerCompose = async (file: string, ...args: string[]): Promise<Ran> => {
    const isOld = /\b1\.\d+\.\d+/.test((await run('docker-compose', ['version', '--short'])).stdout);
    const text = await readFile(join(folder, file), 'utf8');
    const known = text.replace(/^name: .*\n/m, '').replace(/^ +bind:\n +create_host_path: false\n/gm, '');
    await writeFile(join(folder, 'given.yaml'), isOld ? known : text);
    return run('docker-compose', ['-p', 'shop', '-f', join(folder, 'given.yaml'), ...args], {
      cwd: folder,
      env: { DOCKER_HOST: `unix://${socket()}` },
    });
  };
  const inFolder = (...args: string[]): Promise<Ran> => drover(args, join(folder, 'drover'));

  beforeAll(async () => {
    await resetLab();
    folder = await mkdtemp(join(tmpdir(), 'drover-import-'));
    await run('mkdir', [join(folder, 'drover')]);
    await writeFile(join(folder, 'compose.yaml'), compose);
    const forward = ['-F', join(labFolder, 'ssh_config'), '-nNT', '-o', 'ExitOnForwardFailure=yes'];
    tunnel = spawn('ssh', [...forward, '-L', `${socket()}:/var/run/docker.sock`, 'node1'], { stdio: 'ignore' });
    for (let tries = 0; tries < 300; tries += 1) {
      const { code } = await run('curl', ['-fsS', '--unix-socket', socket(), 'http://docker/_ping']);
      if (code === 0) break;
      await pause(200);
    }
    const up = await dockerCompose('compose.yaml', 'up', '-d');
    if (up.code !== 0) throw new Error(`docker-compose up: ${up.stderr}`);
    await onNode(
      node1,
      `set -e; cd ${volume}; mkdir -p deep/er; ` +
        `for i in $(seq ${bigFiles}); do head -c ${bigBytes} /dev/urandom >deep/file$i; done; ` +
        'ln deep/file1 hard; ln -s deep/file2 soft; truncate -s 50M sparse; mkfifo fifo; ' +
        'chown 1234:5678 deep/file3; chmod 4755 deep/file4; setfacl -m u:77:r deep/file5 2>/dev/null || true',
    );
  });

  afterAll(async () => {
    tunnel?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  it('is listed with its services and volumes, without its passwords', async () => {
    const { code, stdout } = await inFolder('import', 'node1');
    expect(code).toBe(0);
    expect(stdout).toContain('project shop');
    expect(stdout).toContain('shop_data at /data');
    expect(stdout).not.toContain('hunter2');
  });

  it('goes on running after an import that was cut off', async () => {
    const child = spawn(
      process.execPath,
      [join(process.cwd(), 'dist', 'drover.js'), 'import', 'node1', '-p', 'shop', '-y'],
      {
        cwd: join(folder, 'drover'),
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('while it is in use')) child.kill('SIGINT');
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(await onNode(node1, "docker ps --format '{{.Names}}'")).toMatch(/shop.db.1/);
    expect(await ownersOn(node1)).toEqual([]);
    // A plan does not start anything on the part that is there.
    const { code } = await inFolder('apply');
    expect([0, 4]).toContain(code);
    expect(await onNode(node1, "docker ps --format '{{.Names}}'")).not.toContain('drover-db');
  });

  it('is taken over: every byte is equal, and the old volume and containers stay as they were', async () => {
    const client = watchLog();
    await pause(1000);
    const { code, stdout, stderr } = await inFolder('import', 'node1', '--project', 'shop', '--yes');
    const longest = await client.stop();
    expect([code, stderr]).toEqual([0, '']);
    const old = await printOf(volume);
    const [dataset = ''] = await ownersOn(node1);
    const compared = /-> (\S+): (\S+ \S+) in (\d+ entries) compared, equal/.exec(stdout);
    expect(compared?.[1]).toBe(dataset);
    const downtime = /^downtime: (.*)$/m.exec(stdout)?.[1];
    console.log(
      `downtime: ${downtime} (drover), ${longest} ms (longest wait of a client); compared: ${compared?.[2]} in ${compared?.[3]}`,
    );
    expect(await onNode(node1, `cmp ${volume}/deep/file7 /var/lib/${dataset}/data/deep/file7 && echo equal`)).toContain(
      'equal',
    );
    const facts = await onNode(
      node1,
      `cd /var/lib/${dataset}/data; stat -c '%u:%g %a %h %b' deep/file3 deep/file4 hard sparse; readlink soft`,
    );
    expect(facts).toMatch(/1234:5678 644 1 \d+\n0:0 4755 1 \d+\n0:0 644 2 \d+\n0:0 644 1 \d{1,3}\ndeep\/file2/);
    const containers = await onNode(node1, "docker ps -a --format '{{.Names}} {{.State}}' | sort");
    expect(containers).toMatch(/drover-db running\ndrover-worker running\nshop.db.1 exited\nshop.worker.1 exited/);
    const policies =
      "docker inspect -f '{{.HostConfig.RestartPolicy.Name}}' $(docker ps -aq --filter label=com.docker.compose.project)";
    expect((await onNode(node1, policies)).trim().split('\n')).toEqual(['no', 'no']);
    await pause(2000);
    expect(await printOf(volume)).toBe(old);
    const environment = await onNode(node1, "docker inspect -f '{{json .Config.Env}}' drover-db");
    expect(environment).toContain('PRICE=$5');
  });

  it('goes back to Docker Compose with its data: a copy in a volume of Docker', async () => {
    const { code, stderr } = await inFolder('export', '--volumes', 'copy', '-o', join(folder, 'plain.yaml'));
    expect(code).toBe(0);
    expect(stderr).toContain('cp -a --sparse=always');
    await writeFile(join(folder, 'drover', 'deployment.yml'), 'version: 1\nnodes:\n  node1: []\n');
    const end = await inFolder('apply', '--allow-removal', '--yes');
    expect(end.code).toBe(0);
    const [dataset = ''] = await ownersOn(node1);
    const before = await onNode(node1, `zfs mount ${dataset} 2>/dev/null; cat /var/lib/${dataset}/data/log | wc -l`);
    // The old project is still there: its volume gets what was written since.
    await onNode(node1, 'docker rm -f $(docker ps -aq --filter label=com.docker.compose.project=shop) >/dev/null');
    await onNode(node1, `cp -a --sparse=always /var/lib/${dataset}/data/. ${volume}/`);
    const up = await dockerCompose('plain.yaml', 'up', '-d');
    expect([up.code, up.code === 0 ? '' : up.stderr]).toEqual([0, '']);
    const answer = await fetch(`http://${node1}:8080/log`);
    expect((await answer.text()).trim().split('\n').length).toBeGreaterThanOrEqual(Number(before));
    expect((await dockerCompose('plain.yaml', 'down')).code).toBe(0);
  });

  it('goes back to Docker Compose with its data where it is: a bind of the dataset', async () => {
    await writeFile(join(folder, 'drover', 'deployment.yml'), 'version: 1\nnodes:\n  node1: [db, worker]\n');
    expect((await inFolder('apply')).code).toBe(0);
    const exported = await inFolder('export', '-o', join(folder, 'bound.yaml'));
    expect(exported.code).toBe(0);
    expect(await readFile(join(folder, 'bound.yaml'), 'utf8')).toContain('create_host_path: false');
    await writeFile(join(folder, 'drover', 'deployment.yml'), 'version: 1\nnodes:\n  node1: []\n');
    expect((await inFolder('apply', '--allow-removal', '--yes')).code).toBe(0);
    const up = await dockerCompose('bound.yaml', 'up', '-d');
    expect([up.code, up.code === 0 ? '' : up.stderr]).toEqual([0, '']);
    const [dataset = ''] = await ownersOn(node1);
    const lines = () => onNode(node1, `wc -l </var/lib/${dataset}/data/log`);
    const first = Number(await lines());
    await pause(1500);
    expect(Number(await lines())).toBeGreaterThan(first);
    expect((await dockerCompose('bound.yaml', 'down')).code).toBe(0);
  });
});
