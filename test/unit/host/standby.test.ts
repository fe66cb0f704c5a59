import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { receiveOnlyOneSnapshot } from '../../../src/node/zfs/transfer-stream.ts';

/**
 * The decisions of `standby receive`: its own text from provision.sh, with other directories and with programs that answer
 * from files.
 */
const provision = readFileSync(new URL('../../../host/provision.sh', import.meta.url), 'utf8');
const standby = /^standby=\$\(cat <<'END'\n([\s\S]*?)\nEND\n/m.exec(provision)?.[1] ?? '';

/** `facts` has the properties of the copy, `newest` the guid of its newest snapshot; changes go to `did`. */
const programs = {
  zfs: `case "$*" in
    *' name,value drover:vol '*) [ ! -e "$here/facts" ] || printf 'p/v/db-1\\tvol\\n' ;;
    *property,value,source*) cat "$here/facts" ;;
    *' -o guid '*) cat "$here/newest" ;;
    *receive_resume_token*) cat "$here/token" ;;
    *' avail,used '*) printf '%s\\t1000000000\\n' "$(cat "$here/free")" ;;
    *refquota*) echo 0 ;;
    *name,guid*) printf 'p/v/db-1@drover-e3-7\\t77\\n' ;;
    receive*) cat >/dev/null; echo "$*" >>"$here/did" ;;
    list*) [[ "$*" != *'-o name p/v/db-1' ]] ;;
    *) echo "$*" >>"$here/did" ;;
  esac`,
};
const rule = ['accept', 'db-1', 'vol', 'db', 'dep', 'node-a', '10.0.0.1', '60000', 'hourly=2'].join('\t');

let at = '';
const file = (name: string, text: string): void => writeFileSync(join(at, name), text);
const did = (): string => readFileSync(join(at, 'did'), 'utf8');
const copy = (role: string, epoch: number, owner = 'node-a', mounted = 'no'): void =>
  file(
    'facts',
    `drover:role\t${role}\tlocal\ndrover:owner\t${owner}\tlocal\ndrover:epoch\t${epoch}\tlocal\nmounted\t${mounted}\t-\n`,
  );

beforeEach(() => {
  at = mkdtempSync(join(tmpdir(), 'drover-standby-'));
  for (const folder of ['bin', 'etc', 'run', 'state']) mkdirSync(join(at, folder));
  const moved = standby
    .replace(/^export LC_ALL=.*$/m, `export LC_ALL=C PATH=${at}/bin:$PATH here=${at}`)
    .replaceAll('/etc/drover', `${at}/etc`)
    .replaceAll('/run/drover', `${at}/run`)
    .replaceAll('/var/lib/drover/standby', `${at}/state`);
  file('standby', moved);
  for (const [name, text] of Object.entries(programs)) {
    file(`bin/${name}`, `#!/bin/bash\n${text}\n`);
    chmodSync(join(at, 'bin', name), 0o755);
  }
  file('etc/node-id', 'me\n');
  file('etc/root-dataset', 'p/v\n');
  file('etc/standby', `self\t10.0.0.2\n${rule}\n`);
  for (const [name, text] of [
    ['did', ''],
    ['newest', '66\n'],
    ['token', '-\n'],
    ['free', '900000000'],
  ] as const)
    file(name, text);
});
afterEach(() => rmSync(at, { recursive: true, force: true }));

/** What the node answers to these lines of a peer. */
const receive = (...lines: string[]): string[] =>
  spawnSync('bash', [join(at, 'standby'), 'receive'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' })
    .stdout.split('\n')
    .filter(Boolean);
const peer = 'node-a 10.0.0.1';
const hello = 'vol\t3\t-L -c\trecordsize=8192';
const take = 'take\tdrover-e3-7\t77\t1700000000\t1000\tnode-b';

describe('a node with a standby', () => {
  it('receives what its owner sends, holds it, and records who has copies', () => {
    copy('replica', 3);
    expect(receive(peer, hello, take)).toEqual(['state\t66\t-', 'go', 'received\t77']);
    expect(did()).toContain('receive -s -u -o readonly=on -o canmount=noauto');
    expect(did()).not.toContain('-F');
    expect(did()).toContain('hold drover p/v/db-1@drover-e3-7');
    expect(did()).toContain(
      'drover:role=replica drover:owner=node-a drover:epoch=3 drover:copies=3:drover-e3-7:node-a,node-b',
    );
    expect(readFileSync(join(at, 'state/received/db-1'), 'utf8')).toBe('node-a\tdrover-e3-7\t77\t1700000000\n');
  });

  it('makes a new copy that nothing uses', () => {
    expect(receive(peer, hello, take)[1]).toBe('go');
    expect(did()).toContain(
      '-o drover:role=incoming -o drover:owner=node-a -o drover:epoch=3 -o drover:flags=-L -c -o recordsize=8192',
    );
  });

  it.each([
    ['owner', 3, 'node-a', 'no', 'its copy there has role owner'],
    ['frozen', 2, 'me', 'no', 'its copy there has role frozen'],
    ['released', 2, 'node-a', 'no', 'its copy there has role released'],
    ['diverged', 1, 'me', 'no', 'its copy there has role diverged'],
    ['replica', 4, 'node-a', 'no', 'its copy there has epoch 4, and the owner here 3'],
    ['replica', 3, 'node-c', 'no', 'its copy there belongs to node node-c'],
    ['replica', 3, 'node-a', 'yes', 'its copy there is mounted'],
  ])('refuses a copy that is %s with epoch %i of %s, mounted: %s', (role, epoch, owner, mounted, why) => {
    copy(role, epoch, owner, mounted);
    expect(receive(peer, hello, take)).toEqual([`refused\t${why}`]);
    expect(did()).toBe('');
  });

  it.each([
    ['another node', 'node-b 10.0.0.1', hello, 'that node accepts no such standby'],
    ['another address', 'node-a 10.0.0.9', hello, 'that node accepts it from 10.0.0.1 only'],
    ['another volume', peer, 'other\t3\tnone\t-', 'that node accepts no such standby'],
    ['an epoch that is a program', peer, 'vol\ta[$(touch pwned)]\tnone\t-', 'the request is not understood'],
  ])('refuses %s', (_what, who, first, why) => {
    copy('replica', 3);
    expect(receive(who, first, take).join()).toContain(`refused\t${why}`);
    expect(did()).toBe('');
    expect(existsSync('pwned')).toBe(false);
  });

  it.each([
    ['a path', 'take\t../../x\t77\t1\t1\t-'],
    ['an option', 'take\t-F\t77\t1\t1\t-'],
    ['a snapshot of a person', 'take\tuser-mine\t77\t1\t1\t-'],
    ['a size that is a program', 'take\tdrover-e3-7\t77\t1\ta[0]\t-'],
    ['a list that is an option', 'take\tdrover-e3-7\t77\t1\t1\ta b -o x=y'],
  ])('refuses to take %s', (_what, line) => {
    copy('replica', 3);
    expect(receive(peer, hello, line)[1]).toBe('refused\tthe request is not understood');
    expect(did()).toBe('');
  });

  it('leaves room in the pool', () => {
    copy('replica', 3);
    expect(receive(peer, hello, take.replace('\t1000\t', '\t880000000\t'))[1]).toMatch(
      /^refused\tthe pool there has no room: 840 MiB/,
    );
    expect(did()).toBe('');
  });

  it('waits while a run of drover that is alive has the volume, and no longer', () => {
    copy('replica', 3);
    file('run/paused.db-1', 'abc\n');
    file('run/lock', '{"owner":"x","token":"abc"}');
    expect(receive(peer, hello, take)).toEqual(['refused\ta run of drover has the volume']);
    file('run/lock', '{"owner":"y","token":"def"}');
    expect(receive(peer, hello, take).at(-1)).toBe('received\t77');
  });

  it('ignores options and properties that it does not know', () => {
    expect(receive(peer, 'vol\t3\t-F\tmountpoint=/ sharenfs=on exec=on', take)[1]).toBe('go');
    expect(did()).not.toMatch(/drover:flags|-o mountpoint|-o sharenfs|-o exec/);
  });

  it('looks at a stream as a move does', () => {
    const checks = /one_snapshot='(.*)'\n/.exec(standby)?.[1] ?? 'none';
    expect(receiveOnlyOneSnapshot).toContain(checks);
  });
});

it("a peer's connection leads to the service: its id and address, then all it says, and the answers back", async () => {
  const relay = /exec perl -e '\n([\s\S]*?)\n {2}' "\$2"/.exec(provision)?.[1] ?? '';
  const socket = join(at, 'socket');
  const server = createServer({ allowHalfOpen: true }, (service) => {
    let said = '';
    service.write('state\t66\t-\n');
    service.on('data', (some) => {
      said += some.toString();
    });
    service.on('end', () => service.end(`${said.length} ${said.slice(0, 40)}`));
  }).listen(socket);
  await once(server, 'listening');
  const child = spawn('perl', ['-e', relay.replace('/run/drover-receive.sock', socket), 'node-a', '10.0.0.1']);
  child.stdin.end(`${hello}\n${'x'.repeat(1_000_000)}`);
  const answer = await text(child.stdout);
  const length = `${peer}\n${hello}\n`.length + 1_000_000;
  expect(answer).toBe(`state\t66\t-\n${length} ${`${peer}\n${hello}`.slice(0, 40)}`);
  server.close();
});
