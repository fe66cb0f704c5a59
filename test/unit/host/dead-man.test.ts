import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/**
 * The decisions of the dead-man: its own text from provision.sh, with other directories and with programs that answer
 * from files. test/contract/dead-man.contract.ts has the real ones.
 */
const provision = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
const deadMan = /^dead_man=\$\(cat <<'END'\n([\s\S]*?)\nEND\n/m.exec(provision)?.[1] ?? '';

const programs = {
  zfs: `case "$*" in
    'get -H -o value mountpoint'*) last=\${!#}; echo "/vol/\${last##*/}" ;;
    'get -H -o value mounted'*) echo no ;;
    'get -Hp -s local'*) cat "$here/facts" ;;
    set*) echo "$*" >>"$here/did"; epoch=\${3#drover:epoch=}
      printf 'drover:role\\towner\\ndrover:owner\\tme\\ndrover:epoch\\t%s\\n' "$epoch" >"$here/facts" ;;
    *) echo "zfs $*" >>"$here/did" ;;
  esac`,
  docker: `case $1 in
    inspect) case $3 in *StartedAt*) echo "then exited" ;; *) cat "$here/sources" ;; esac ;;
    ps) echo some-container ;;
    start) [ ! -e "$here/hangs" ] || exit 1; echo "start $2" >>"$here/did" ;;
  esac`,
};

let at = '';
const file = (name: string, text: string): void => writeFileSync(join(at, name), text);
const did = (): string[] => readFileSync(join(at, 'did'), 'utf8').split('\n').filter(Boolean);
const record = (): string | undefined =>
  existsSync(join(at, 'records/pg')) ? readFileSync(join(at, 'records/pg'), 'utf8') : undefined;

beforeEach(() => {
  at = mkdtempSync(join(tmpdir(), 'drover-dead-man-'));
  for (const folder of ['bin', 'etc', 'run', 'records']) mkdirSync(join(at, folder));
  const moved = deadMan
    .replace(/^export LC_ALL=.*$/m, `export LC_ALL=C PATH=${at}/bin:$PATH here=${at}`)
    .replaceAll('/etc/drover', `${at}/etc`)
    .replaceAll('/run/drover', `${at}/run`)
    .replaceAll('/run/lock/drover.lock', `${at}/lock`)
    .replaceAll('/var/lib/drover/dead-man', `${at}/records`)
    .replaceAll('/proc/sys/kernel/random/boot_id', `${at}/boot`);
  for (const [name, text] of [...Object.entries(programs), ['dead-man', moved.replace(/^#!.*\n/, '')] as const]) {
    file(`bin/${name}`, `#!/bin/bash\n${text}\n`);
    chmodSync(join(at, 'bin', name), 0o755);
  }
  file('etc/node-id', 'me\n');
  file('boot', 'this-boot\n');
  for (const name of ['did', 'sources']) file(name, '');
  file('records/pg', 'the-container\nthen\nthis-boot\np/v/pg-1 3\n');
});
afterEach(() => rmSync(at, { recursive: true, force: true }));

const copy = (role: string, epoch: number): void =>
  file('facts', `drover:role\t${role}\ndrover:owner\tme\ndrover:epoch\t${epoch}\n`);
const run = (): number | null => spawnSync(join(at, 'bin/dead-man'), ['pg']).status;
const taken = ['set drover:role=owner drover:epoch=4 readonly=off p/v/pg-1', 'zfs mount p/v/pg-1'];

describe('the dead-man', () => {
  it.each(['owner', 'frozen'])('takes back what is %s as it was, with the next epoch, and starts it', (role) => {
    copy(role, 3);
    expect(run()).toBe(0);
    expect(did()).toEqual([...taken, 'start the-container']);
    expect(record()).toBeUndefined();
  });

  it.each([
    ['owner', 4],
    ['frozen', 4],
    ['released', 4],
    ['replica', 3],
  ])('does nothing to a volume that is %s with epoch %i by now', (role, epoch) => {
    copy(role, epoch);
    expect(run()).toBe(0);
    expect(did()).toEqual([]);
    expect(record()).toBeUndefined();
  });

  it('does nothing where another container runs on the volume', () => {
    copy('owner', 3);
    file('sources', 'other /etc/hosts\nother /vol/pg-1/data\n');
    expect(run()).toBe(0);
    expect(did()).toEqual([]);
  });

  it('is not kept by a container on a volume with a longer name', () => {
    copy('owner', 3);
    file('sources', 'other /vol/pg-11/data\n');
    expect(run()).toBe(0);
    expect(did()).toContain('start the-container');
  });

  it('starts it next to a container that shares the volume, whose own dead-man goes on with the next epoch', () => {
    copy('owner', 3);
    file('records/pg', 'the-container\nthen\nthis-boot\nwith other web\np/v/pg-1 3\n');
    file('records/web', 'other\nthen\nthis-boot\nwith the-container pg\np/v/pg-1 3\np/v/web-1 3\n');
    file('records/later', 'another\nthen\nthis-boot\np/v/pg-1 3\n');
    file('sources', 'other /vol/pg-1/data\n');
    expect(run()).toBe(0);
    expect(did()).toEqual([...taken, 'start the-container']);
    const [web, later] = ['web', 'later'].map((name) => readFileSync(join(at, 'records', name), 'utf8'));
    expect(web).toBe('other\nthen\nthis-boot\nwith the-container pg\np/v/pg-1 4\np/v/web-1 3\n');
    expect(later).toContain('p/v/pg-1 3\n');
  });

  it('does nothing next to a container that shares another volume only by its record', () => {
    copy('owner', 3);
    file('records/pg', 'the-container\nthen\nthis-boot\nwith other web\np/v/pg-1 3\n');
    file('sources', 'other /vol/pg-1/data\nthird /vol/pg-1/data\n');
    expect(run()).toBe(0);
    expect(did()).toEqual([]);
  });

  it('goes on at its second try where Docker did not answer at the first', () => {
    copy('frozen', 3);
    file('hangs', '');
    expect(run()).toBe(1);
    expect(record()).toBe('the-container\nthen\nthis-boot\np/v/pg-1 4\n');
    rmSync(join(at, 'hangs'));
    expect(run()).toBe(0);
    expect(did()).toContain('start the-container');
    expect(record()).toBeUndefined();
  });

  it('is tried until it has decided', () => {
    expect(/dead_man_unit='([^']*)'/.exec(provision)?.[1]).toMatch(/^StartLimitIntervalSec=0$/m);
  });
});
