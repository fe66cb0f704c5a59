import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Flood, type PlayedNode, playNode } from '../../support/hostile-node.ts';

const program = fileURLToPath(new URL('../../../dist/drover.js', import.meta.url));

/** The whole program must stay below it, whatever a node sends. */
const limitMiB = 300;

/** How long a flood lasts that nothing in the program ends. */
const floodMs = 3_000;

/** Ended by the limit of time alone. */
const isSlow = (flood: Flood): boolean => flood === 'drip' || flood === 'late' || flood === 'silent';

async function untilTrue(isTrue: () => boolean): Promise<void> {
  for (let round = 0; round < 1_200 && !isTrue(); round += 1) await pause(100);
}

interface Measured {
  readonly output: string;
  readonly code: number | null;
  readonly peakMiB: number;
  readonly seconds: number;
}

/** The built program between a node that floods and one that works; each flood lasts as long as the program lets it. */
describe('a node that floods', () => {
  let folder = '';
  let good: PlayedNode;
  let hostile: PlayedNode;
  /** Writes drover.yml with this limit for a command, and for an answer of Docker's. */
  let inventory: (command: string) => void;
  const children: ChildProcess[] = [];
  const table: (readonly string[])[] = [['flood', 'verb', 'peak MiB', 'seconds', 'the other node']];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drover-floods-'));
    const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
    [good, hostile] = await Promise.all([
      playNode('11111111-1111-1111-1111-111111111111'),
      playNode('22222222-2222-2222-2222-222222222222'),
    ]);

    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    write('key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString());
    write('ssh_config', '');
    write('known_hosts', [good, hostile].map(({ port, hostKey }) => `[127.0.0.1]:${port} ${hostKey}\n`).join(''));
    write('application.yml', 'version: 1\napplications:\n  web: { image: "web:1" }\n  other: { image: "web:1" }\n');
    const node = (name: string, port: number, mesh: string): string =>
      `  ${name}: { host: 127.0.0.1, port: ${port}, user: root, mesh: ${mesh}, identityFile: ${folder}/key, knownHostsFile: ${folder}/known_hosts, sshConfigFile: ${folder}/ssh_config }\n`;
    inventory = (command) =>
      write(
        'drover.yml',
        `version: 1\ntimeouts: { connect: 60s, command: ${command} }\nnodes:\n${node('good', good.port, '10.9.9.1')}${node('hostile', hostile.port, '10.9.9.2')}`,
      );
    inventory('60s');
  });
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
    good?.close();
    hostile?.close();
    rmSync(folder, { recursive: true, force: true });
    const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
    console.log(table.map((row) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')).join('\n'));
  });

  const place = (deployment: string): void =>
    writeFileSync(join(folder, 'deployment.yml'), `version: 1\nnodes: ${deployment}\n`);

  /** `reads` false: nothing takes what it prints. `until`: three seconds later it gets SIGINT, or after two minutes. */
  const run = async (
    words: readonly string[],
    { reads = true, until }: { readonly reads?: boolean; readonly until?: () => boolean } = {},
  ): Promise<Measured> => {
    const env = { PATH: process.env.PATH, HOME: folder, USER: 'root', XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder };
    const child = spawn(process.execPath, [program, ...words, '-C', folder], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const begin = performance.now();
    let output = '';
    const add = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(0, 1 << 20);
    };
    if (reads) child.stdout.on('data', add);
    child.stderr.on('data', add);
    let peakMiB = 0;
    const look = (): void => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      } catch {
        // It has ended.
      }
    };
    const timer = setInterval(look, 25);
    if (until !== undefined)
      void untilTrue(until)
        .then(() => pause(floodMs))
        .then(() => child.kill('SIGINT'));
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    clearInterval(timer);

    child.stdout.destroy();
    return { output, code, peakMiB, seconds: (performance.now() - begin) / 1000 };
  };
  const note = (flood: Flood, verb: string, { peakMiB, seconds }: Measured, other: string): void => {
    table.push([flood, verb, peakMiB.toFixed(0), seconds.toFixed(1), other]);
  };

  it.each<readonly [Flood, RegExp]>([
    ['list', /answered with more than 16 MiB/],
    ['million', /answered with more than 16 MiB/],
    ['values', /too many values/],
    ['headers', /hostile/],
    ['drip', /no complete answer within 2000 ms/],
    ['late', /no complete answer within 16000 ms/],
    ['inspect', /answered with more than 4 MiB/],
    ['refusal', /hostile/],
    ['stdout', /answered with more than 24 MiB/],
    ['lines', /answered with more than 500000 lines/],
    ['stderr', /hostile/],
    ['silent', /no end within 2000 ms/],
  ])('is shown as failing, and the other one as it is: %s', async (flood, why) => {
    place('{ good: [], hostile: [] }');
    inventory(isSlow(flood) ? '2s' : '60s');
    hostile.play(flood);
    const measured = await run(['status']);
    note(flood, 'status', measured, /good .*reachable/.test(measured.output) ? 'shown' : 'not shown');
    expect(measured.output).toMatch(why);
    expect(measured.output).not.toContain('Warning');
    expect(measured.output).toMatch(/good .*● reachable/);
    expect(measured.peakMiB).toBeLessThan(limitMiB);
  });

  it.each<Flood>(['list', 'stdout', 'drip'])(
    'does not keep an application of the other one from starting: %s',
    async (flood) => {
      place('{ good: [web], hostile: [] }');
      good.reset();
      inventory(isSlow(flood) ? '2s' : '60s');
      hostile.play(flood);
      const measured = await run(['apply', '--yes']);
      note(flood, 'apply', measured, `runs ${good.running().join()}`);
      expect(good.running()).toEqual(['web']);
      expect(measured.peakMiB).toBeLessThan(limitMiB);
    },
  );

  it.each<Flood>(['lock', 'locked'])(
    'in the channel of its lock does not keep the run from ending: %s',
    async (flood) => {
      place('{ good: [], hostile: [other] }');
      hostile.reset();
      hostile.play(flood);
      const measured = await run(['apply', '--yes']);
      note(flood, 'apply', measured, `ends with ${measured.code}`);
      if (flood === 'lock')
        expect(measured.output).toContain('cannot take the lock on "hostile": it answered with more than 4 KiB');
      expect(measured.peakMiB).toBeLessThan(limitMiB);
    },
  );

  it.each<Flood>(['events', 'stdout'])('is watched, and the other one is kept as the files say: %s', async (flood) => {
    place('{ good: [web], hostile: [] }');
    good.reset();
    hostile.play(flood);
    inventory('60s');
    const measured = await run(['watch'], { until: () => good.running().includes('web') });
    note(flood, 'watch', measured, `runs ${good.running().join()}`);
    expect(good.running()).toEqual(['web']);
    expect(measured.peakMiB).toBeLessThan(limitMiB);
  });

  it('with a log does not fill the memory while nothing reads it', async () => {
    place('{ good: [], hostile: [other] }');
    hostile.reset();
    hostile.play('none');
    await run(['apply', '--yes']);
    expect(hostile.running()).toEqual(['other']);
    hostile.play('log');
    const measured = await run(['logs', 'other', '--follow'], { reads: false, until: () => true });
    note('log', 'logs', measured, 'is not asked');
    expect(measured.peakMiB).toBeLessThan(limitMiB);
  });
});
