import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { oldLock } from '../../../src/node/fence.ts';

/**
 * The decisions of boot-gate on answers that a lab cannot be made to give quickly: its own text from provision.sh, with
 * other directories and with programs that answer from files. test/acceptance/boot.test.ts has the real ones.
 */
const provision = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
const embedded = (name: string): string =>
  new RegExp(`^${name}=\\$\\(cat <<'END'\\n([\\s\\S]*?)\\nEND\\n`, 'm').exec(provision)?.[1] ?? '';

/** Answers from $at: `facts`, `snapshots`, `mounted`, `peer.ADDRESS`, `containers`; writes down what would change. */
const programs = {
  zfs: `case "$*" in
    'get -H -r'*) cat "$at/facts" ;;
    'get -H -s local -o property,value'*) for name in role owner epoch; do
      awk -F '\t' -v d="\${!#}" -v n=drover:$name '$1 == d && $2 == n { print $2 FS $3 }' "$at/facts"; done ;;
    'get -H -o value mounted'*) grep -qx "$6" "$at/mounted" && echo yes || echo no ;;
    'list -H -r'*) grep -o '^[^ ]*' "$at/snapshots"; true ;;
    'list -H -d 1'*) grep "^$9[@#]" "$at/snapshots"; true ;;
    'list -H -t'*) exit 1 ;;
    mount*) echo "$2" >>"$at/mounted"; echo "mount $2" >>"$at/did" ;;
    set*) echo "$*" >>"$at/did"; sed -i "s#^\\(\${!#}\tdrover:role\t\\).*#\\1diverged#" "$at/facts" ;;
    *) echo "$*" >>"$at/did" ;;
  esac`,
  ssh: `echo "\${@: -2:1}" >>"$at/asked"; cat "$at/peer.\${@: -2:1}" 2>/dev/null`,
  docker: `case $1 in ps) cut -d '|' -f 1 "$at/containers" ;; inspect) cat "$at/containers" ;;
    start) echo "start $2" >>"$at/did"; sed -i "s#^\\(/$2|.*\\)|exited|#\\1|running|#; s#^\\(/$2|.*\\)|created|#\\1|running|#" "$at/containers" ;; esac`,
  mountpoint: `true`,
  ip: `true`,
  // Where it would wait for the next round.
  sleep: `kill -KILL $PPID`,
};

let at = '';
beforeEach(() => {
  at = mkdtempSync(join(tmpdir(), 'drover-gate-'));
  for (const folder of ['bin', 'etc', 'run', 'volumes/db/data']) mkdirSync(join(at, folder), { recursive: true });
  const moved = (text: string): string =>
    text
      .replace(/^export LC_ALL=.*$/m, `export LC_ALL=C PATH=${at}/bin:$PATH at=${at}`)
      .replaceAll('/usr/local/lib/drover/epochs', `${at}/bin/epochs`)
      .replaceAll('/etc/drover', `${at}/etc`)
      .replaceAll('/run/drover', `${at}/run`)
      .replaceAll('/run/lock/drover.lock', `${at}/lock`)
      .replaceAll('/var/lib/drover/volumes', `${at}/volumes`)
      .replace('patience=180 pause=15', 'patience=0 pause=30');
  const put = (name: string, text: string): void => {
    writeFileSync(join(at, 'bin', name), text);
    chmodSync(join(at, 'bin', name), 0o755);
  };
  for (const [name, text] of Object.entries(programs)) put(name, `#!/bin/bash\n${text}\n`);
  put('epochs', moved(embedded('epochs')));
  put('boot-gate', moved(embedded('boot_gate')));
  for (const name of ['snapshots', 'mounted', 'containers', 'did']) file(name, '');
  file('etc/node-id', 'me\n');
  file('etc/root-dataset', 'p/v\n');
  file('etc/peers', '10.0.0.2\n10.0.0.3\n');
  rules('wait');
});
afterEach(() => rmSync(at, { recursive: true, force: true }));

const file = (name: string, text: string): void => writeFileSync(join(at, name), text);
const rules = (alone: string): void =>
  file('etc/boot-peers', `alone ${alone}\npeer 10.0.0.2 22 ssh-ed25519 AAAA\npeer 10.0.0.3 22 ssh-ed25519 BBBB\n`);

/** `p/v/db`, owned by this node with that epoch, and with this record of the nodes that may have copies. */
function owned(epoch: number, vol = 'v1', copies?: string): void {
  const facts = { vol, role: 'owner', epoch, owner: 'me', ...(copies === undefined ? {} : { copies }) };
  file(
    'facts',
    `${Object.entries(facts)
      .map(([name, value]) => `p/v/db\tdrover:${name}\t${value}\n`)
      .join('')}`,
  );
}
/** As drover writes it: each peer with its id, `b` at 10.0.0.2 and `c` at 10.0.0.3. */
const namedRules = (alone = 'wait', more = ''): void => {
  rules(alone);
  appendFileSync(join(at, 'etc/boot-peers'), `node 10.0.0.2 b\nnode 10.0.0.3 c\n${more}`);
};
/** Whom it has asked. */
const asked = (): string[] =>
  existsSync(join(at, 'asked'))
    ? [...new Set(readFileSync(join(at, 'asked'), 'utf8').split('\n'))].filter(Boolean).sort()
    : [];
const answer = (peer: 2 | 3, text: string): void => file(`peer.10.0.0.${peer}`, text);

/** One round: what it did, and what waits. */
function round(verb: 'mount' | 'start'): { did: string[]; waiting: string } {
  spawnSync(join(at, 'bin/boot-gate'), [verb]);
  const waiting = join(at, 'run/waiting');
  return {
    did: readFileSync(join(at, 'did'), 'utf8').split('\n').filter(Boolean),
    waiting: existsSync(waiting) ? readFileSync(waiting, 'utf8') : '',
  };
}

describe('at boot', () => {
  it('a volume that never had a copy elsewhere is mounted before Docker, without asking a peer', () => {
    owned(1);
    expect(round('mount').did).toEqual(['mount p/v/db']);
  });

  it.each([
    [1, 'p/v/db@drover-e1-1\n'],
    [1, 'p/v/db#drover-e1-1\n'],
    [2, ''],
  ])('what has been sent, or has come from another node, waits for the answers (epoch %i)', (epoch, snapshots) => {
    owned(epoch);
    file('snapshots', snapshots);
    expect(round('mount').did).toEqual([]);
  });

  it('it is mounted where every peer answers and none has a higher epoch', () => {
    owned(2);
    answer(2, 'v1\treplica\t2\tme\nother\towner\t9\tthem\nend\n');
    answer(3, 'end\n');
    expect(round('start')).toEqual({ did: ['mount p/v/db'], waiting: '' });
  });

  it('a higher epoch in one answer is enough, whichever peers do not answer', () => {
    owned(2);
    answer(3, 'v1\towner\t3\tthem\nend\n');
    const did = ['snapshot p/v/db@diverged-e2', 'set drover:role=diverged readonly=on p/v/db'];
    expect(round('start')).toEqual({ did, waiting: '' });
  });

  it('an answer that is longer than a real one does not count', () => {
    owned(2);
    answer(2, 'end\n');
    answer(3, `${'x\towner\t1\tthem\n'.repeat(400_000)}end\n`);
    expect(round('start')).toEqual({ did: [], waiting: 'v1\tsilent\t10.0.0.3\n' });
  });

  it('volumes are distinguished by their names, also where these look like the same number', () => {
    owned(2, '10');
    answer(2, '1e1\towner\t9\tthem\n0010\towner\t9\tthem\nend\n');
    answer(3, 'end\n');
    expect(round('start')).toEqual({ did: ['mount p/v/db'], waiting: '' });
  });

  it('a volume that a run of drover has just taken over stays as it is', () => {
    owned(2);
    answer(2, 'end\n');
    answer(3, 'v1\towner\t3\tthem\nend\n');
    const takesOver = `[ "\${!#}" != 8 ] || sed -i 's#epoch\t2#epoch\t4#' ${at}/facts`;
    writeFileSync(join(at, 'bin/flock'), `#!/bin/bash\n${takesOver}\nexec /usr/bin/flock "$@"\n`);
    chmodSync(join(at, 'bin/flock'), 0o755);
    expect(round('start').did).toEqual([]);
  });

  it('an answer that was cut off does not count, and a person decides about the same epoch elsewhere', () => {
    owned(2);
    answer(2, 'end\n');
    answer(3, 'v1\treplica\t2\tme\n');
    expect(round('start')).toEqual({ did: [], waiting: 'v1\tsilent\t10.0.0.3\n' });
    answer(3, 'v1\towner\t2\tthem\nend\n');
    expect(round('start')).toEqual({ did: [], waiting: 'v1\trival\t10.0.0.3\n' });
  });

  it('a peer without a key does not answer either; `alone start` starts without it, never against an answer', () => {
    owned(2);
    file('etc/peers', '10.0.0.2\n10.0.0.4\n');
    answer(2, 'end\n');
    answer(3, 'end\n');
    expect(round('start').waiting).toBe('v1\tsilent\t10.0.0.4\n');
    rules('start');
    expect(round('start').did).toEqual(['mount p/v/db']);
  });

  it('it asks for the pool again where that cannot be read yet', () => {
    owned(2);
    rmSync(join(at, 'facts'));
    expect(spawnSync(join(at, 'bin/boot-gate'), ['start']).signal).toBe('SIGKILL');
    expect(readFileSync(join(at, 'did'), 'utf8')).toBe('');
  });

  it('nothing is decided while drover is at work on the node', () => {
    owned(2);
    answer(2, 'end\n');
    answer(3, 'end\n');
    const held = spawnSync('flock', [join(at, 'run/lock'), join(at, 'bin/boot-gate'), 'start']);
    expect(held.error).toBeUndefined();
    expect(readFileSync(join(at, 'did'), 'utf8')).toBe('');
  });

  it('nothing is decided while an earlier version of drover works, which has another lock', () => {
    owned(2);
    answer(2, 'end\n');
    answer(3, 'end\n');
    spawnSync('flock', [join(at, 'lock'), join(at, 'bin/boot-gate'), 'start']);
    expect(readFileSync(join(at, 'did'), 'utf8')).toBe('');
    expect(round('start').did).toEqual(['mount p/v/db']);
  });

  it('only root can read locks, answers and waiting volumes', () => {
    owned(2);
    answer(2, 'end\n');
    round('start');
    expect(statSync(join(at, 'run')).mode & 0o777).toBe(0o700);
    for (const name of ['run/lock', 'run/set.lock', 'run/waiting', 'lock']) {
      expect(statSync(join(at, name)).mode & 0o777, name).toBe(0o600);
    }
  });

  it.each(['99999999999', '100003', '1e1', '0x7', '$(id)'])(
    'an epoch of %s in an answer is reported, and changes nothing',
    (epoch) => {
      owned(2);
      answer(2, 'end\n');
      answer(3, `v1\towner\t${epoch}\tthem\nend\n`);
      expect(round('start')).toEqual({ did: [], waiting: 'v1\trival\t10.0.0.3\n' });
      expect(spawnSync(join(at, 'bin/boot-gate'), ['free', 'p/v/db']).status).toBe(1);
    },
  );

  it('an epoch after a reclaim, which raises it by 1000, and after later moves is believed', () => {
    owned(2);
    answer(3, 'v1\towner\t1004\tthem\nend\n');
    expect(round('start').did).toContain('set drover:role=diverged readonly=on p/v/db');
  });

  it('a volume that never left the node is mounted, whatever a peer answers', () => {
    owned(1);
    answer(2, 'v1\towner\t7\tthem\nend\n');
    answer(3, 'v1\towner\t1\tthem\nend\n');
    expect(round('start')).toEqual({ did: ['mount p/v/db'], waiting: '' });
  });

  it('the dead-man learns whether a peer has taken over what it would start, and nothing changes', () => {
    owned(2);
    const free = () => spawnSync(join(at, 'bin/boot-gate'), ['free', 'p/v/db']).status;
    answer(2, 'v1\treplica\t2\tme\nend\n');
    expect(free()).toBe(1);
    rules('start');
    expect(free()).toBe(0);
    rules('wait');
    answer(3, 'end\n');
    expect(free()).toBe(0);
    answer(3, 'v1\towner\t2\tthem\nend\n');
    expect(free()).toBe(1);
    answer(3, 'v1\towner\t3\tthem\nend\n');
    expect(free()).toBe(2);
    rmSync(join(at, 'peer.10.0.0.2'));
    expect(free()).toBe(2);
    expect(readFileSync(join(at, 'did'), 'utf8')).toBe('');
  });

  it('containers start after what they need: only those that Docker wanted and whose volumes are mounted', () => {
    file('facts', '');
    const gate = join(at, 'run/gate');
    const missing = `"error mounting ${gate}: no such file"`;
    const rows = [
      `/drover-api|api|exited|5432/tcp cache||${gate} |always|${missing}`,
      `/drover-cache|cache|exited|8080/tcp||${gate} |always|${missing}`,
      `/drover-db|db|exited||5432/5432/tcp |${at}/volumes/db/data ${gate} |always|${missing}`,
      `/drover-far|far|exited|||${at}/volumes/far/data ${gate} |always|${missing}`,
      `/drover-stopped|stopped|exited|||${gate} |always|""`,
      `/drover-web|web|exited|api|8080/80/tcp |${gate} |always|${missing}`,
    ];
    file('containers', `${rows.join('\n')}\n`);
    // api, cache and web need each other in a circle: one of them has to be first.
    const order = ['db', 'api', 'web', 'cache'];
    expect(round('start').did).toEqual(order.map((name) => `start drover-${name}`));
    expect(existsSync(gate)).toBe(true);
  });

  it('a container whose start Docker forgot in a power cut starts, but not one with the policy never, nor a job that is done', () => {
    file('facts', '');
    const gate = join(at, 'run/gate');
    const rows = [
      `/drover-fresh|fresh|created|||${at}/volumes/db/data ${gate} |unless-stopped|""`,
      `/drover-once|once|created|||${gate} |no|""`,
      `/drover-far|far|created|||${at}/volumes/far/data ${gate} |always|""`,
      // A job that was done before its container came here.
      `/drover-job|job|done|||${gate} |on-failure|""`,
    ];
    file('containers', `${rows.join('\n')}\n`);
    expect(round('start').did).toEqual(['start drover-fresh']);
  });

  it('a container waits with the container that it needs, directly or not; the others start', () => {
    owned(2);
    answer(2, 'end\n');
    rmSync(join(at, 'volumes/db'), { recursive: true });
    const gate = join(at, 'run/gate');
    const missing = `"error mounting ${gate}: no such file"`;
    const rows = [
      `/drover-api|api|exited|5432/tcp||${gate} |always|${missing}`,
      `/drover-db|db|exited||5432/5432/tcp |${at}/volumes/db/data ${gate} |always|${missing}`,
      `/drover-other|other|exited|||${gate} |always|${missing}`,
      `/drover-web|web|exited|api||${gate} |always|${missing}`,
    ];
    file('containers', `${rows.join('\n')}\n`);
    expect(round('start')).toEqual({ did: ['start drover-other'], waiting: 'v1\tsilent\t10.0.0.3\n' });
  });
});

describe('a volume with a record of the nodes that may have copies', () => {
  const ofB = '2:drover-e2-1:b';
  beforeEach(() => {
    file('snapshots', 'p/v/db@drover-e2-1\n');
    namedRules();
  });
  const free = () => spawnSync(join(at, 'bin/boot-gate'), ['free', 'p/v/db']).status;

  it.each([
    ['a higher epoch', 'v1\towner\t3\tc\nend\n'],
    ['the same epoch', 'v1\towner\t2\tc\nend\n'],
    ['an epoch that cannot be', 'v1\towner\t99999999999\tc\nend\n'],
    ['garbage', '\u001b]0;x\u0007\0\0$(id)\n'],
    ['more than any peer has to say', 'v1\towner\t3\tc\n'.repeat(400_000)],
    ['nothing', undefined],
  ])('a peer that is not in it is not asked, and changes nothing with %s', (_what, text) => {
    owned(2, 'v1', ofB);
    answer(2, 'v1\treplica\t2\tme\nend\n');
    if (text !== undefined) answer(3, text);
    expect(free()).toBe(0);
    expect(round('start')).toEqual({ did: ['mount p/v/db'], waiting: '' });
    expect(asked()).toEqual(['10.0.0.2']);
  });

  it('a peer that is in it is waited for, and believed', () => {
    owned(2, 'v1', ofB);
    answer(3, 'end\n');
    expect(round('start')).toEqual({ did: [], waiting: 'v1\tsilent\t10.0.0.2\n' });
    expect(free()).toBe(1);
    answer(2, 'v1\towner\t2\tb\nend\n');
    expect(round('start').waiting).toBe('v1\trival\t10.0.0.2\n');
    answer(2, 'v1\treplica\t3\tc\nend\n');
    expect(free()).toBe(2);
    expect(round('start').did).toEqual(['snapshot p/v/db@diverged-e2', 'set drover:role=diverged readonly=on p/v/db']);
  });

  it.each(['-', '?c', '?x,?c'])('one that no other node has is mounted, and no node is asked (%s)', (nodes) => {
    owned(2, 'v1', `2:drover-e2-1:${nodes}`);
    expect(round('start')).toEqual({ did: ['mount p/v/db'], waiting: '' });
    expect(asked()).toEqual([]);
  });

  it.each([
    ['of another epoch', '1:drover-e2-1:b'],
    ['that a later snapshot was taken after', '2:drover-e1-9:b'],
    ['from before the first snapshot', '2:-:b'],
    ['that is cut off', '2:drover-e2-1:'],
    ['that is no record', 'b'],
    ['with a node that is no peer', '2:drover-e2-1:b,d'],
  ])('a record %s counts for nothing: everybody is asked and believed', (_what, record) => {
    owned(2, 'v1', record);
    answer(2, 'end\n');
    expect(round('start').waiting).toBe('v1\tsilent\t10.0.0.3\n');
    answer(3, 'v1\towner\t3\tc\nend\n');
    expect(free()).toBe(2);
    expect(asked()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('a later bookmark makes it void as well, and a higher number is later whatever its digits', () => {
    file('snapshots', 'p/v/db@drover-e2-9\np/v/db#drover-e2-10\n');
    owned(2, 'v1', '2:drover-e2-9:b');
    answer(2, 'end\n');
    expect(round('start').waiting).toBe('v1\tsilent\t10.0.0.3\n');
    owned(2, 'v1', '2:drover-e2-10:b');
    expect(round('start').did).toEqual(['mount p/v/db']);
  });

  it('a node that is gone for good is not missed', () => {
    namedRules('wait', 'gone d\n');
    owned(2, 'v1', '2:drover-e2-1:b,d');
    answer(2, 'end\n');
    expect(round('start').did).toEqual(['mount p/v/db']);
    expect(asked()).toEqual(['10.0.0.2']);
  });

  it('a peer whose id is not known may have a copy: it is asked, believed and waited for', () => {
    rules('wait');
    appendFileSync(join(at, 'etc/boot-peers'), 'node 10.0.0.2 b\n');
    owned(2, 'v1', ofB);
    answer(2, 'end\n');
    expect(round('start').waiting).toBe('v1\tsilent\t10.0.0.3\n');
    answer(3, 'v1\towner\t3\tc\nend\n');
    expect(free()).toBe(2);
  });

  it('a peer that has changed its id is one that is in no record, and the one it was is missed', () => {
    rules('wait');
    appendFileSync(join(at, 'etc/boot-peers'), 'node 10.0.0.2 x\nnode 10.0.0.3 c\n');
    owned(2, 'v1', ofB);
    answer(2, 'end\n');
    expect(round('start').waiting).toBe('v1\tsilent\t10.0.0.3\n');
  });

  it('a record that changes while the peers are asked is gone by only with the answers of all in it', () => {
    owned(2, 'v1', '2:drover-e2-1:-');
    const changes = `sed -i 's#drover-e2-1:-#drover-e2-1:b#' ${at}/facts`;
    writeFileSync(join(at, 'bin/flock'), `#!/bin/bash\n${changes}\nexec /usr/bin/flock "$@"\n`);
    chmodSync(join(at, 'bin/flock'), 0o755);
    answer(2, 'v1\towner\t3\tb\nend\n');
    expect(round('start')).toEqual({ did: [], waiting: 'v1\tsilent\t10.0.0.2\n' });
  });
});

describe('what a node says to a peer', () => {
  const volume = (name: string, id: string, copies?: string): string =>
    Object.entries({ vol: id, role: 'owner', epoch: 2, owner: 'me', copies })
      .map(([property, value]) => (value === undefined ? '' : `p/v/${name}\tdrover:${property}\t${value}\n`))
      .join('');
  const said = (...words: string[]): string[] =>
    execFileSync(join(at, 'bin/epochs'), words, { encoding: 'utf8' }).split('\n').filter(Boolean).sort();
  beforeEach(() => {
    const records = [
      volume('db', 'v1', '2:drover-e2-1:b'),
      volume('web', 'v2', '2:-:-'),
      volume('old', 'v3'),
      volume('bee', 'v4', '2:-:bb,c,?y'),
    ];
    file('facts', records.join(''));
    file('snapshots', 'p/v/db@drover-e2-1\np/v/db@daily-9\n');
  });
  const line = (id: string): string => `${id}\towner\t2\tme`;

  it('is about the volumes that it may have copies of, and those without a record', () => {
    expect(said('peer', 'b')).toEqual(['end', line('v1'), line('v3')]);
    expect(said('peer', 'c')).toEqual(['end', line('v3'), line('v4')]);
    expect(said('peer', 'x')).toEqual(['end', line('v3')]);
    expect(said('peer', 'y')).toEqual(['end', line('v3'), line('v4')]);
    expect(said('peer', 'bb')).toEqual(['end', line('v3'), line('v4')]);
  });

  it('is about all of them where the rules of an earlier version do not say who asks', () => {
    expect(said()).toEqual(['end', line('v1'), line('v2'), line('v3'), line('v4')]);
  });

  it('is the same whatever the peer asks for', () => {
    for (const request of ['epochs', 'datasets', 'peer b', '$(id)', '../../bin/sh -c id']) {
      const env = { ...process.env, SSH_ORIGINAL_COMMAND: request };
      const text = execFileSync(join(at, 'bin/epochs'), ['peer', 'x'], { encoding: 'utf8', env });
      expect(text.split('\n').filter(Boolean).sort(), request).toEqual(['end', line('v3')]);
    }
  });

  it('has names of datasets and records only for the node itself', () => {
    expect(said('datasets')).toContain(`${line('v1')}\tp/v/db\tb`);
    expect(said('datasets')).toContain(`${line('v2')}\tp/v/web\t-`);
    expect(said('datasets')).toContain(`${line('v3')}\tp/v/old\t?`);
    expect(said('peer', 'b').join()).not.toContain('p/v/');
  });

  it('is nothing where the snapshots cannot be listed', () => {
    writeFileSync(join(at, 'bin/zfs'), '#!/bin/bash\ncase $1 in get) cat "$at/facts" ;; *) exit 1 ;; esac\n');
    expect(spawnSync(join(at, 'bin/epochs'), ['peer', 'b'])).toMatchObject({ status: 1 });
  });
});

describe('the scripts in provision.sh', () => {
  it.each(['boot_gate', 'dead_man'])('%s takes the lock of earlier versions as every run of drover does', (name) => {
    expect(embedded(name)).toContain(oldLock);
  });

  it.each(['epochs', 'boot_gate', 'dead_man'])('%s is one that bash can read', (name) => {
    expect(embedded(name)).toMatch(/^#!\/bin\/(ba)?sh\n/);
    execFileSync('bash', ['-n'], { input: embedded(name) });
  });
});
