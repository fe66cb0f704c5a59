import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Hosts, Terminal, World } from '../../../src/cli/world.ts';
import type { Host } from '../../../src/engine/host.ts';
import type { NodeFacts } from '../../../src/model/cluster.ts';
import { AppError } from '../../../src/model/errors.ts';
import { noImports } from '../../fakes/found-docker.ts';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const fresh = '10.0.0.3';
const facts: NodeFacts = {
  nodeId: 'id-3',
  meshAddress: fresh,
  containers: [],
  volumes: [],
  network: { present: true, proxies: [], open: [], peers: [], holds: [] },
  listeners: [],
  images: {},
  pool: { name: 'drover', health: 'ONLINE', sizeBytes: 4 * 2 ** 30, freeBytes: 3 * 2 ** 30 },
  versions: { docker: '26.1.5', dockerApi: '1.45', zfs: '2.3.2-1', kernel: '6.12', arch: 'x86_64' },
  capabilities: { resume: true, bookmarks: true, compressed: true, largeBlocks: true },
  roundTripMs: 1,
};

/** Hosts whose provision.sh prints what the test says; everything else is the real command line. */
interface Script {
  /** Lines of `--check`, and of the run itself. */
  check?: readonly string[];
  run?: readonly string[];
  known?: boolean;
  observed?: NodeFacts | Error;
  unreachable?: boolean;
}

interface Seen {
  readonly calls: string[][];
  readonly forgotten: string[][];
  accepted: number;
  opened: unknown[];
}

const plain = ['done\tsystem\t', 'would do\tpackages\tdocker.io zfsutils-linux', 'would do\tpool drover\t/dev/sdb'];
const did = [
  'done\tsystem\t',
  'begin\tpackages\tdocker.io',
  'progress\tpackages\t50\tUnpacking',
  'did\tpackages\tdocker.io',
  'begin\tpool drover\t/dev/sdb',
  'did\tpool drover\t/dev/sdb',
];
const node = ['done\tsystem\t', 'done\tpackages\t', 'done\tpool drover\t'];

function hostsOf(script: Script, seen: Seen): Hosts {
  const host: Host = {
    address: fresh,
    user: 'root',
    hostname: async () => 'web3',
    setUp: async (args, onLine) => {
      seen.calls.push([...args]);
      const lines = args.includes('--check') ? (script.check ?? plain) : (script.run ?? did);
      for (const line of lines) onLine(line);
      return { code: lines.some((line) => line.startsWith('cannot')) ? 1 : 0, stderr: '' };
    },
    emptyDisks: async () => [{ path: '/dev/sdb', sizeBytes: 2 ** 33 }],
    observe: async () => {
      if (script.observed instanceof Error) throw script.observed;
      return script.observed ?? facts;
    },
    imports: noImports,
    forgetPeers: async (addresses) => {
      seen.forgotten.push([...addresses]);
    },
    close: async () => undefined,
  };
  return {
    askKey: async () =>
      script.known === false
        ? {
            known: false,
            fingerprint: 'SHA256:abc',
            type: 'ssh-ed25519',
            accept: async () => {
              seen.accepted += 1;
              return '/home/me/.ssh/known_hosts';
            },
          }
        : { known: true },
    open: async (_node, settings) => {
      seen.opened.push(settings);
      if (script.unreachable === true) throw new AppError('connection-failed', 'cannot connect to "x": no route');
      return host;
    },
  };
}

describe('drover node', () => {
  const seen: Seen = { calls: [], forgotten: [], accepted: 0, opened: [] };
  const world = async (script: Script = {}, answer?: string): Promise<MadeWorld> => {
    seen.calls.length = 0;
    seen.forgotten.length = 0;
    seen.accepted = 0;
    seen.opened = [];
    const changes: Partial<World> = { hosts: hostsOf(script, seen) };
    const questions: string[] = [];
    const made = await makeWorld({}, changes);
    if (answer === undefined) return made;
    // With a person at the terminal, who gives the same answer to every question.
    const { folder } = made;
    const asked = await makeWorld(
      {},
      {
        hosts: hostsOf(script, seen),
        cwd: folder,
        terminal: terminalOf(questions, answer),
      },
    );
    return { ...made, drover: asked.drover };
  };
  let out = '';
  const terminalOf = (questions: string[], answer: string): Terminal => {
    out = '';
    return {
      out: (text) => {
        out += text;
      },
      err: (text) => {
        out += text;
      },
      moving: false,
      colour: false,
      columns: () => 100,
      ask: async (question) => {
        questions.push(question);
        out += question;
        return answer;
      },
    };
  };

  describe('add --check', () => {
    it('shows every step, changes nothing, and ends with 2', async () => {
      const { drover, read } = await world();
      const ran = await drover('node', 'add', fresh, '--check', '--pool', '/dev/sdb');
      expect(ran.code).toBe(2);
      expect(ran.out).toBe(
        '  … looking at 10.0.0.3, which changes nothing\n  ✔ done      system\n  → would do  packages     docker.io zfsutils-linux\n  → would do  pool drover  /dev/sdb\n10.0.0.3 would be a node after 2 steps\n',
      );
      expect(seen.calls).toEqual([
        ['--pool-name', 'drover', '--root', 'drover/volumes', '--pool', '/dev/sdb', '--check'],
      ]);
      expect(await read('deployment.yml')).not.toContain(fresh);
    });

    it('ends with 0 for a node', async () => {
      const { drover } = await world({ check: node });
      const ran = await drover('node', 'add', fresh, '--check', '--json');
      expect([ran.code, JSON.parse(ran.out)]).toMatchObject([0, { ok: true, node: fresh, standing: 'done' }]);
    });

    it('names the empty disks where there is no pool, and ends with 1', async () => {
      const { drover } = await world({ check: ['done\tsystem\t', 'cannot\tpool drover\tthere is no pool "drover"'] });
      const ran = await drover('node', 'add', `admin@${fresh}`, '--check', '--port', '2222');
      expect(ran.code).toBe(1);
      expect(ran.out).toContain(`drover node add admin@${fresh} --port 2222 --pool /dev/sdb\n`);
      expect(seen.opened).toEqual([{ user: 'admin', port: 2222 }]);
    });
  });

  describe('add', () => {
    it('does nothing without a confirmation', async () => {
      const { drover } = await world();
      const ran = await drover('node', 'add', fresh);
      expect([ran.code, seen.calls.length]).toEqual([64, 1]);
      expect(ran.err).toContain('it was not confirmed');
      const asked = await world({}, 'no');
      expect((await asked.drover('node', 'add', fresh)).code).toBe(64);
      expect(out).toContain('Run these 2 steps on 10.0.0.3? (yes/no) ');
      expect(seen.calls.length).toBe(1);
    });

    it('shows each step while it runs, and records the node in both files', async () => {
      const { drover, read } = await world();
      const ran = await drover('node', 'add', fresh, '--yes');
      expect([ran.code, ran.err]).toEqual([0, '']);
      expect(ran.out).toMatch(/ {2}… packages\n {2}✔ did {2}packages {2}docker\.io {2}\(\d+ ms\)\n/);
      expect(ran.out).toContain(
        '✔ 10.0.0.3 is a node now\n  OpenZFS 2.3.2-1, Docker 26.1.5; pool "drover" with 3.00 GiB free\n',
      );
      expect(await read('deployment.yml')).toBe(
        `version: 1\nnodes:\n  ${n1}: [db] # here\n  ${n2}: []\n  ${fresh}: []\n`,
      );
      expect(await read('drover.yml')).toContain(`  ${fresh}: {name: web3, user: root}\n`);
      expect(ran.out).toContain(`    5 +   ${fresh}: []`);
    });

    it('does nothing the second time, and says so', async () => {
      const { drover, read } = await world();
      await drover('node', 'add', fresh, '--yes');
      const before = [await read('deployment.yml'), await read('drover.yml')];
      const again = await world({ check: node });
      await again.write('deployment.yml', before[0] ?? '');
      await again.write('drover.yml', before[1] ?? '');
      const ran = await again.drover('node', 'add', fresh);
      expect([ran.code, ran.out.split('\n').slice(0, 2)]).toEqual([
        0,
        ['  … looking at 10.0.0.3, which changes nothing', '✔ 10.0.0.3 is already a node; nothing was changed'],
      ]);
      expect([await again.read('deployment.yml'), await again.read('drover.yml')]).toEqual(before);
    });

    it('works in an empty folder: it creates drover.yml and prints the next step', async () => {
      const { drover, folder, read } = await world();
      await Promise.all(['application.yml', 'deployment.yml'].map((name) => rm(join(folder, name))));
      const ran = await drover('node', 'add', 'web9', '--yes', '--user', 'admin', '--name', 'nine');
      expect([ran.code, ran.err]).toEqual([0, '']);
      expect(await read('drover.yml')).toBe(
        '# How drover reaches the nodes.\nversion: 1\nnodes:\n  web9: {name: nine, user: admin}\n',
      );
      expect(ran.out).toContain('write application.yml, and deployment.yml');
    });

    it('writes down a name of ~/.ssh/config without more than its name', async () => {
      const { drover, read } = await world();
      expect((await drover('node', 'add', 'web9', '--yes')).code).toBe(0);
      expect(await read('drover.yml')).toContain('\n  web9: {}\n');
      const listed = await drover('node', 'list', '--json');
      expect(JSON.parse(listed.out).nodes.map((each: { node: string }) => each.node)).toContain('web9');
    });

    it('leaves the files with --no-files', async () => {
      const { drover, read } = await world();
      expect((await drover('node', 'add', fresh, '--yes', '--no-files')).code).toBe(0);
      expect(await read('deployment.yml')).not.toContain(fresh);
      await expect(read('drover.yml')).rejects.toThrow('ENOENT');
    });

    it('accepts a new key only with its fingerprint or an answer, which --yes is not', async () => {
      const { drover } = await world({ known: false });
      const refused = await drover('node', 'add', fresh, '--check');
      expect([refused.code, seen.accepted, refused.err]).toEqual([1, 0, expect.stringContaining('SHA256:abc')]);
      expect((await drover('node', 'add', fresh, '--yes')).code).toBe(1);
      expect((await drover('node', 'add', fresh, '--check', '--fingerprint', 'SHA256:other')).code).toBe(1);
      expect(seen.accepted).toBe(0);
      const right = await drover('node', 'add', fresh, '--check', '--fingerprint', 'SHA256:abc');
      expect([right.code, seen.accepted]).toEqual([2, 1]);
    });

    it('names the step that failed, and leaves the files unchanged', async () => {
      const { drover, read } = await world({
        run: ['did\tpackages\t', 'cannot\tzfs module\tKey was rejected by service'],
      });
      const ran = await drover('node', 'add', fresh, '--yes');
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('zfs module: Key was rejected by service')]);
      expect(await read('deployment.yml')).not.toContain(fresh);
    });

    it('refuses what is no host', async () => {
      const { drover } = await world();
      expect((await drover('node', 'add', '-oProxyCommand=x')).code).toBe(64);
      expect((await drover('node', 'add', 'a b')).code).toBe(64);
      expect((await drover('node', 'add', fresh, '--port', '0')).code).toBe(64);
      expect(seen.opened).toEqual([]);
    });
  });

  describe('list', () => {
    it('lists nodes, hosts that are not nodes, and their applications', async () => {
      const { drover } = await world({ observed: new AppError('command-failed', 'not set up') });
      const ran = await drover('node', 'list');
      expect(ran.code).toBe(1);
      expect(ran.out).toMatch(/10\.0\.0\.1 +not a node +- +- +- +db +see `drover node add 10\.0\.0\.1 --check`/);
      const well = await world();
      const listed = await well.drover('node', 'list');
      expect([listed.code, listed.out]).toEqual([
        0,
        expect.stringMatching(/10\.0\.0\.2 +node +2\.3\.2-1 +26\.1\.5 +3\.00 GiB of 4\.00 GiB +-\n/),
      ]);
      const away = await world({ unreachable: true });
      expect(JSON.parse((await away.drover('node', 'list', '--json')).out).nodes[0]).toMatchObject({
        node: n1,
        status: 'unreachable',
        placed: ['db'],
      });
    });
  });

  describe('remove', () => {
    it('takes an idle node out of both files and nothing off its host', async () => {
      const { drover, read, write } = await world();
      await write('drover.yml', `version: 1\nnodes:\n  ${n1}: {name: one}\n  ${n2}: {name: two} # old\n`);
      const ran = await drover('node', 'remove', 'two');
      expect([ran.code, ran.err]).toEqual([0, '']);
      expect(await read('deployment.yml')).toBe(`version: 1\nnodes:\n  ${n1}: [db] # here\n`);
      expect(await read('drover.yml')).toBe(`version: 1\nnodes:\n  ${n1}: {name: one}\n`);
      expect(seen.calls).toEqual([]);
    });

    it('refuses where something is placed, owned, running or unknown', async () => {
      const volume = {
        id: 'v',
        application: 'db',
        dataset: 'drover/volumes/db-1',
        role: 'owner',
        epoch: 1,
        mounted: true,
        usedBytes: 1,
        referencedBytes: 1,
        writtenBytes: 0,
        snapshots: [],
        bookmarks: [],
      } as const;
      const placed = await world();
      expect((await placed.drover('node', 'remove', n1)).err).toContain(`\`drover move db ${n2}\``);
      const owning = await world({ observed: { ...facts, volumes: [volume] } });
      expect((await owning.drover('node', 'remove', n2)).err).toContain('drover/volumes/db-1 (owner)');
      const frozen = await world({ observed: { ...facts, volumes: [{ ...volume, role: 'released' }] } });
      expect((await frozen.drover('node', 'remove', n2)).err).toContain('(released)');
      const away = await world({ unreachable: true });
      expect((await away.drover('node', 'remove', n2)).err).toContain('what it has is unknown');
      const broken = await world({ observed: new AppError('docker-failed', 'Docker is down'), check: node });
      const ran = await broken.drover('node', 'remove', n2);
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('Docker is down')]);
      expect(await broken.read('deployment.yml')).toContain(n2);
    });

    it('makes the other nodes forget its address, also when no file names it any more', async () => {
      const { drover } = await world();
      expect((await drover('node', 'remove', n2)).code).toBe(0);
      expect(seen.forgotten).toEqual([[fresh, n2]]);
      expect((await drover('node', 'remove', '10.0.0.9')).code).toBe(0);
      expect(seen.forgotten.at(-1)).toEqual([fresh, '10.0.0.9']);
    });

    it('of a node that only an earlier run knew forgets which volumes it had', async () => {
      const made = await world();
      await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [db]\n`);
      expect((await made.drover('apply')).code).toBe(0);
      await made.write('deployment.yml', `version: 1\nnodes:\n  ${n2}: [db]\n`);
      expect((await made.drover('apply')).code).toBe(4);
      expect((await made.drover('node', 'remove', '10.99.0.11')).code).toBe(0);
      expect((await made.drover('apply')).code).toBe(0);
    });

    it('forgets a node that cannot be asked only when its name is typed', async () => {
      const no = await world({ unreachable: true }, 'yes');
      expect((await no.drover('node', 'remove', n2, '--lost')).code).toBe(64);
      expect(await no.read('deployment.yml')).toContain(n2);
      const yes = await world({}, n2);
      expect((await yes.drover('node', 'remove', n2, '--lost')).code).toBe(0);
      expect([seen.opened.length, seen.forgotten]).toEqual([1, [[n2]]]);
      expect(await yes.read('deployment.yml')).not.toContain(n2);
    });

    it('ends with a failure while a node still lists it, and names the command that goes on', async () => {
      const { drover } = await world({ unreachable: true });
      const ran = await drover('node', 'remove', n2, '--lost', '--yes');
      expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(`drover node remove ${n2}`)]);
    });

    it('lets a replica stay behind', async () => {
      const replica = {
        id: 'v',
        dataset: 'drover/volumes/db-1',
        role: 'replica',
        epoch: 1,
        mounted: false,
        usedBytes: 1,
        referencedBytes: 1,
        writtenBytes: 0,
        snapshots: [],
        bookmarks: [],
      } as const;
      const { drover } = await world({ observed: { ...facts, volumes: [replica] } });
      expect((await drover('node', 'remove', n2)).code).toBe(0);
    });

    it('purges only when that is confirmed', async () => {
      const purged = ['begin\tfiles removed\t', 'did\tfiles removed\t'];
      const { drover, read } = await world({ check: ['would do\tfiles removed\t'], run: purged });
      expect((await drover('node', 'remove', n2, '--purge')).code).toBe(64);
      expect(await read('deployment.yml')).toContain(n2);
      const ran = await drover('node', 'remove', n2, '--purge', '--yes');
      expect([ran.code, ran.out]).toEqual([0, expect.stringContaining('what stays on it: packages, pool')]);
      expect(seen.calls.at(-1)?.[0]).toBe('--remove');
    });
  });
});
