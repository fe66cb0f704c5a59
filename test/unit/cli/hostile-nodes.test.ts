import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Terminal, World } from '../../../src/cli/world.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import type { Host } from '../../../src/engine/host.ts';
import { AppError } from '../../../src/model/errors.ts';
import { noImports } from '../../fakes/found-docker.ts';
import { aBusyCluster } from '../../support/busy-cluster.ts';
import { offeredCommands, Poisoner, poison, wrongBytes } from '../../support/hostile.ts';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

type Mode = 'plain' | 'json' | 'terminal' | 'no colour';
const modes: readonly Mode[] = ['plain', 'json', 'terminal', 'no colour'];

const reading: readonly (readonly string[])[] = [
  ['status'],
  [],
  ['plan'],
  ['doctor'],
  ['doctor', n1],
  ['volumes'],
  ['volumes', 'db'],
  ['history'],
  ['history', 'last'],
  ['logs', 'db'],
  ['validate'],
  ['trust', n1],
  ['node', 'list'],
  ['node', 'add', '10.0.0.9', '--check'],
];
const changing: readonly (readonly string[])[] = [
  ['apply', '--allow-removal', '--yes'],
  ['move', 'db', n2, '--yes'],
  ['restart', 'db'],
  ['snapshot', 'db', 'mine'],
  ['rollback', 'db', 'mine', '--yes'],
  ['reclaim', 'db', '--on', n1, '--yes'],
  ['stop', 'db'],
  ['start', 'db'],
  ['undo', '--yes'],
  ['node', 'add', '10.0.0.9', '--yes'],
  ['node', 'remove', n2, '--yes'],
  ['exec', 'nothing', 'true'],
  ['demo', '--plain', '--fast'],
  ['tutorial'],
];

interface Stage {
  readonly made: MadeWorld;
  readonly poisoner: Poisoner;
  readonly run: (args: readonly string[], mode: Mode) => Promise<string>;
}

async function stage(): Promise<Stage> {
  const cluster = aBusyCluster();
  const poisoner = new Poisoner();
  let said = '';
  const say = (text: string): void => {
    said += text;
  };
  const terminal = (mode: Mode): Terminal => {
    const moving = mode === 'terminal' || mode === 'no colour';
    return { out: say, err: say, moving, colour: mode === 'terminal', columns: () => 100, ask: undefined };
  };
  const host: Host = {
    address: '10.0.0.9',
    user: 'root',
    hostname: async () => poisoner.text('web3', 'host.hostname'),
    setUp: async (args, onLine) => {
      const bad = args.includes('--check') ? 'cannot' : 'did';
      onLine(poisoner.text(`${bad}\tpool drover\tno pool`, 'host.setUp.line'));
      return { code: 1, stderr: poisoner.text('bad', 'host.setUp.stderr') };
    },
    emptyDisks: async () =>
      poisoner.value([{ path: '/dev/sdb', sizeBytes: 2 ** 33, model: 'QEMU' }], ['host', 'disks']),
    observe: async () => poisoner.value(cluster.facts(n1), ['host', 'observe']),
    imports: noImports,
    forgetPeers: async () => {
      throw new AppError('command-failed', poisoner.text('cannot forget', 'host.forget.error'));
    },
    close: async () => undefined,
  };
  const changes = (mode: Mode): Partial<World> => ({
    terminal: terminal(mode),
    env: mode === 'no colour' ? { NO_COLOR: '1' } : {},
    openEngine: async (files, { asks = false, allowsRemoval = false } = {}) => {
      const session = poisoner.wrap(cluster.session());
      const { readConfig } = await import('../../../src/config/read-files.ts');
      return createEngine({
        asks,
        allowsRemoval,
        load: () => readConfig({ application: files.application, deployment: files.deployment, drover: [] }),
        openCluster: () => session,
        watchFiles: async () => undefined as never,
        now: Date.now,
        random: Math.random,
        sleep: (ms, signal) => sleep(Math.min(ms, 5), undefined, { signal }),
        owner: 'test',
        probe: async () => 'accepted',
        provisionScript: async () => '# provision.sh',
      });
    },
    hosts: {
      askKey: async () => ({ known: true }),
      open: async () => host,
    },
    askHostKey: async () => ({
      known: false,
      fingerprint: poisoner.text('SHA256:abc', 'key.fingerprint'),
      type: poisoner.text('ssh-ed25519', 'key.type'),
      accept: async () => 'known_hosts',
    }),
  });
  const worlds = new Map<Mode, MadeWorld>();
  const made = await makeWorld({}, changes('plain'));
  worlds.set('plain', made);
  for (const mode of modes.slice(1)) worlds.set(mode, await makeWorld({}, { ...changes(mode), cwd: made.folder }));
  return {
    made,
    poisoner,
    run: async (args, mode) => {
      said = '';
      const world = worlds.get(mode) ?? made;
      const started = world.start(...args, ...(mode === 'json' ? ['--json'] : []));
      await Promise.race([started.ended, sleep(60_000).then(() => world.interrupt())]);
      return said + started.said.out + started.said.err;
    },
  };
}

const groups = 24;
let combinations = 0;
const commands = new Set<string>();

function check(printed: string, args: readonly string[], mode: Mode, place: string): void {
  combinations += 1;
  const where = `drover ${args.join(' ')} (${mode}), poisoned: ${place}`;
  expect(wrongBytes(printed, mode === 'terminal' || mode === 'no colour'), where).toEqual([]);
  if (mode === 'no colour') expect(printed.replaceAll('\r\u001b[2K', ''), where).not.toContain('\u001b');
  if (mode === 'json')
    for (const document of documentsOf(printed)) expect(() => JSON.parse(document), where).not.toThrow();
  else for (const command of offeredCommands(printed)) commands.add(command);
}

/** Standard output has one document, or one per line; errors are printed as plain lines as well. */
const documentsOf = (printed: string): readonly string[] => printed.split('\n').filter((line) => /^\{.*\}$/.test(line));

describe('nodes that lie', () => {
  it('put nothing into what a verb prints but words on its lines: some places at a time', async () => {
    const { poisoner, run } = await stage();
    await run(['apply', '--allow-removal', '--yes'], 'plain');
    // Looks at every answer once, so that a new field of the facts is covered without a word here.
    for (const args of reading) await run(args, 'plain');
    const places = [...poisoner.places];
    expect(places.length).toBeGreaterThan(60);
    // Some at a time, far from each other: where all are poisoned at once, little of what is printed comes of it.
    const few = Array.from({ length: groups }, (_, i) => places.filter((_place, at) => at % groups === i));
    for (const [i, some] of few.entries()) {
      poisoner.target = new Set(some);
      for (const [j, args] of reading.entries()) {
        const mode = modes[(i + j) % modes.length] ?? 'plain';
        check(await run(args, mode), args, mode, some.join(' '));
        combinations += some.length - 1;
      }
    }
    console.log(`${places.length} places × ${reading.length} verbs`);
  });

  it('nor all places at once, in every form, by any verb', async () => {
    for (const mode of modes) {
      const { poisoner, run, made } = await stage();
      await run(['apply', '--allow-removal', '--yes'], 'plain');
      poisoner.target = 'all';
      for (const args of [...reading, ...changing]) check(await run(args, mode), args, mode, 'all');
      const journal = await made.read('state/runs.jsonl').catch(() => '');
      expect(wrongBytes(journal, false)).toEqual([]);
    }
  });

  it('nor errors alone, while everything else is as it should be', async () => {
    for (const mode of modes) {
      const { poisoner, run } = await stage();
      for (const args of [...reading, ...changing]) {
        poisoner.target = undefined;
        const printed = await run(args, mode);
        check(printed, args, mode, 'none');
        for (const place of [...poisoner.places].filter((each) => each.includes('.error'))) {
          poisoner.target = new Set([place]);
          check(await run(args, mode), args, mode, place);
        }
      }
    }
  });

  it('put no word of a shell into a command that is offered', () => {
    expect(commands.size).toBeGreaterThan(10);
    const folder = mkdtempSync(join(tmpdir(), 'drover-offered-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const stub = (name: string, script: string): void => {
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, name), 0o755);
    };
    const words = 'for word in "$@"; do printf "[%s]" "$word"; done; echo';
    for (const name of [
      'drover',
      'zfs',
      'zpool',
      'docker',
      'nft',
      'iptables',
      'systemctl',
      'ss',
      'date',
      'sed',
      'apt-get',
    ])
      stub(name, words);
    for (const name of [
      'uptime',
      'sysctl',
      'modprobe',
      'chmod',
      'ls',
      'ufw',
      'firewall-cmd',
      'sleep',
      'npm',
      'timedatectl',
    ])
      stub(name, words);
    stub('bash', words);
    stub('sudo', 'exec "$@"');
    stub('touch', `: > ${join(folder, 'PWNED')}`);
    // As ssh does: options, the target, and the rest joined for the shell of the other machine.
    stub(
      'ssh',
      'while case $1 in -*) true;; *) false;; esac; do [ "$1" = -v ] || shift; shift; done; shift; exec /bin/sh -c "$*"',
    );
    const failures: string[] = [];
    for (const command of commands) {
      const { stderr } = spawnSync('/bin/sh', ['-c', command], {
        cwd: folder,
        env: { PATH: folder },
        encoding: 'utf8',
        input: '',
      });
      if (/[Ss]yntax error|Unterminated|not found/.test(stderr)) failures.push(`${command}: ${stderr}`);
      if (command.includes('touch')) failures.push(`${command}: has the code`);
    }
    expect(failures).toEqual([]);
    expect(existsSync(join(folder, 'PWNED'))).toBe(false);
  });

  it('is a test that notices', () => {
    expect(wrongBytes(`a${poison}`, true).length).toBe(2);
    expect(wrongBytes('\u001b[31mred\u001b[0m', true)).toEqual([]);
    expect(wrongBytes('\u001b[95mX', true)).toHaveLength(1);
  });

  afterAll(() =>
    console.log(`${combinations} combinations of verbs, forms and places; ${commands.size} commands given to a shell`),
  );
});
