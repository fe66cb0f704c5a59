import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { World } from '../../../src/cli/world.ts';
import { AppError } from '../../../src/model/errors.ts';
import { deployment, type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

let made: MadeWorld;

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';

describe('validate', () => {
  it('says that good files are good, without touching a node', async () => {
    made = await makeWorld();
    expect(await made.drover('validate')).toEqual({
      code: 0,
      out: '✔ both files are good: 1 application on 2 nodes\n',
      err: '',
    });
    expect(made.cluster.calls(n1, 'observe')).toBe(0);
  });

  it('shows every problem at its place and exits with 65', async () => {
    made = await makeWorld();
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [dbb]\n  ${n2}: text\n`);
    const { code, out, err } = await made.drover('validate');
    expect([code, out]).toEqual([65, '']);
    expect(err).toMatch(/deployment\.yml:3:\d+ .*"dbb"/);
    expect(err).toMatch(/deployment\.yml:4:/);
    const json = await made.drover('validate', '--json');
    expect([json.code, json.err]).toEqual([65, '']);
    expect(JSON.parse(json.out)).toMatchObject({ ok: false, problems: [{ line: 3 }, { line: 4 }] });
  });

  it('reports a missing file as a problem of the files', async () => {
    made = await makeWorld();
    const { code, err } = await made.drover('validate', '-C', '/nowhere/at/all');
    expect(code).toBe(65);
    expect(err).toContain('no such folder');
  });
});

describe('plan', () => {
  it('lists each step with its reason, and exits with 2 only when asked to', async () => {
    made = await makeWorld();
    const { code, out } = await made.drover('plan');
    expect(code).toBe(0);
    expect(out).toMatch(/^\d+ steps to do\n/);
    expect(out).toMatch(/create volume of "db" on 10\.0\.0\.1\n +because /);
    expect(out).toContain('start "db" on 10.0.0.1');
    expect((await made.drover('plan', '--detailed-exitcode')).code).toBe(2);
    expect(made.cluster.writes()).toBe(0);
  });

  it('prints one JSON document', async () => {
    made = await makeWorld();
    const { out } = await made.drover('plan', '--json');
    expect(JSON.parse(out)).toMatchObject({ ok: true, blocked: [], forecasts: [], unreachable: [] });
    expect(out).not.toContain('hunter2');
  });

  it('says in one line that there is nothing to do', async () => {
    made = await makeWorld();
    await made.drover('apply');
    expect(await made.drover('plan', '--detailed-exitcode')).toEqual({
      code: 0,
      out: 'nothing to do: the nodes match the files\n',
      err: '',
    });
  });

  it('forecasts a move', async () => {
    made = await makeWorld();
    await made.drover('apply');
    await made.drover('move', 'db', n2, '--no-apply');
    const { code, out } = await made.drover('plan');
    expect(code).toBe(0);
    expect(out).toMatch(/volume of "db": 10\.0\.0\.1 → 10\.0\.0\.2, .* to send/);
  });
});

describe('apply', () => {
  it('prints a line for each step, ends with "converged", and does nothing the second time', async () => {
    made = await makeWorld();
    const first = await made.drover('apply');
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/▸ start "db" on 10\.0\.0\.1\n/);
    expect(first.out).toMatch(/✔ start "db" on 10\.0\.0\.1 \(\d/);
    expect(lastLine(first.out)).toMatch(/^converged: \d+ steps in /);
    expect(first.err).toBe('');
    const writes = made.cluster.writes();
    const second = await made.drover('apply');
    expect([second.code, lastLine(second.out)]).toEqual([0, expect.stringMatching(/^converged: nothing to do/)]);
    expect(made.cluster.writes()).toBe(writes);
  });

  it('prints JSON lines, each an event, without the values of environments', async () => {
    made = await makeWorld();
    const { code, out, err } = await made.drover('apply', '--json');
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([code, err]).toEqual([0, '']);
    expect(
      events.every(
        ({ at, run, type }) => typeof at === 'number' && typeof run === 'number' && typeof type === 'string',
      ),
    ).toBe(true);
    expect(events.filter(({ type }) => type === 'run-finished')).toEqual([events.at(-1)]);
    expect(events.at(-1)).toMatchObject({ outcome: { result: 'converged' } });
    expect(out).toContain('PASSWORD');
    expect(out).not.toContain('hunter2');
  });

  it('never prints the value of an environment variable', async () => {
    made = await makeWorld();
    for (const verb of ['plan', 'apply', 'status', 'doctor', 'validate']) {
      const plain = await made.drover(verb);
      const json = await made.drover(verb, '--json');
      expect(plain.out + plain.err + json.out + json.err).not.toContain('hunter2');
    }
  });

  it('exits with 1 and says why when a step fails', async () => {
    made = await makeWorld();
    made.cluster.fail(
      n1,
      'containers.start',
      new AppError('docker-failed', 'cannot start "db" on "10.0.0.1": no luck'),
      100,
    );
    const { code, out } = await made.drover('apply');
    expect(code).toBe(1);
    expect(out).toContain('✘ start "db" on 10.0.0.1: cannot start "db" on "10.0.0.1": no luck');
    expect(out).toMatch(/\nfailed after /);
  });

  it('exits with 3 where another drover holds the lock', async () => {
    made = await makeWorld();
    const signal = new AbortController().signal;
    const other = await (await made.cluster.session().node(n1, signal)).mutex.acquire('anna@laptop', signal);
    const { code, out } = await made.drover('apply');
    await other.release();
    expect(code).toBe(3);
    expect(out).toContain('anna@laptop');
  });

  it('exits with 65 where the files are wrong, with a line for each problem and no write', async () => {
    made = await makeWorld();
    await made.write('application.yml', 'version: 1\napplications:\n  db: {imag: x}\n');
    const { code, out, err } = await made.drover('apply');
    expect(code).toBe(65);
    expect(out + err).toContain('application.yml:3:');
    expect(made.cluster.writes()).toBe(0);
  });

  it('prints only the end with --quiet', async () => {
    made = await makeWorld();
    expect((await made.drover('apply', '-q')).out).toMatch(/^converged: \d+ steps in [^\n]*\n$/);
  });

  it('finishes the running steps at the first Ctrl-C and exits with 130; the next apply continues', async () => {
    made = await makeWorld();
    let pressed = false;
    made.cluster.intercept(({ operation, phase }) => {
      if (!pressed && operation === 'volumes.create' && phase === 'before') {
        pressed = true;
        made.interrupt();
      }
    });
    const { code, err, out } = await made.drover('apply');
    expect(err).toContain('Ctrl-C again to stop now');
    expect([code, lastLine(out)]).toEqual([130, expect.stringMatching(/^cancelled/)]);
    expect((await made.drover('apply')).code).toBe(0);
    expect(made.cluster.violations()).toEqual([]);
  });
});

describe('move', () => {
  it('changes no file for a node that cannot be reached, and gives the reason of the node', async () => {
    made = await makeWorld();
    await made.drover('apply');
    made.cluster.disconnect(n2);
    const { code, out, err } = await made.drover('move', 'db', n2);
    expect([code, out]).toEqual([4, '']);
    expect(err).toMatch(/^drover: cannot move "db" to 10\.0\.0\.2: \S.*\n {2}hint: \S/);
    expect(await made.read('deployment.yml')).toBe(deployment);
    const json = await made.drover('move', 'db', n2, '--json');
    expect([json.code, JSON.parse(json.out)]).toEqual([
      4,
      expect.objectContaining({ ok: false, applied: false, outcome: expect.objectContaining({ result: 'blocked' }) }),
    ]);
    expect(await made.read('deployment.yml')).toBe(deployment);
    expect((await made.drover('move', 'db', n2, '--no-apply')).code).toBe(0);
    expect(await made.read('deployment.yml')).not.toBe(deployment);
  });

  it('edits the file, shows the difference, moves the data and says what it cost', async () => {
    made = await makeWorld();
    await made.drover('apply');
    const { code, out } = await made.drover('move', 'db', n2);
    expect(code).toBe(0);
    expect(await made.read('deployment.yml')).toBe(
      deployment.replace('[db] # here', '[] # here').replace(`${n2}: []`, `${n2}: [db]`),
    );
    expect(out).toContain(`    3 -   ${n1}: [db] # here`);
    expect(out).toContain(`    4 +   ${n2}: [db]`);
    expect(out).toMatch(/"db" moved from 10\.0\.0\.1 to 10\.0\.0\.2 in /);
    expect(out).toMatch(/ {4}sent {6}/);
    expect(out).toMatch(/ {4}downtime {2}/);
    expect(lastLine(out)).toMatch(/^converged/);
    expect(made.cluster.connect(n1, { port: 27017, protocol: 'tcp' })).toBe('accepted');
    expect(made.cluster.violations()).toEqual([]);
  });

  it('keeps the mode of the file and leaves no other file', async () => {
    made = await makeWorld();
    const file = join(made.folder, 'deployment.yml');
    const { chmod, readdir } = await import('node:fs/promises');
    await chmod(file, 0o640);
    expect((await made.drover('move', 'db', n2, '--no-apply')).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
    expect((await readdir(made.folder)).toSorted()).toEqual(['application.yml', 'deployment.yml']);
    expect(made.cluster.calls(n1, 'observe')).toBe(0);
  });

  it('takes a node by its name', async () => {
    made = await makeWorld();
    await made.write('drover.yml', `version: 1\nnodes:\n  ${n2}: {name: beta}\n`);
    expect((await made.drover('move', 'db', 'beta', '--no-apply')).code).toBe(0);
    expect(await made.read('deployment.yml')).toContain(`${n2}: [db]`);
  });

  it('prints one JSON document with the outcome and the receipts', async () => {
    made = await makeWorld();
    await made.drover('apply');
    const { code, out } = await made.drover('move', 'db', n2, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      app: 'db',
      from: n1,
      to: n2,
      applied: true,
      outcome: { result: 'converged' },
      receipts: [{ app: 'db', from: n1, to: n2 }],
    });
  });

  it.each([
    [['move', 'dbb', n2], 'did you mean "db"?'],
    [['move', 'db', 'nowhere'], `choose one of ${n1}, ${n2}`],
  ])('refuses %s with 64 and changes nothing', async (args, hint) => {
    made = await makeWorld();
    const { code, err } = await made.drover(...args);
    expect(code).toBe(64);
    expect(err).toMatch(/^drover: cannot find /);
    expect(err).toContain(`hint: ${hint}`);
    expect(await made.read('deployment.yml')).toBe(deployment);
  });
});

describe('status', () => {
  it('shows nodes, applications, volumes and what is to do', async () => {
    made = await makeWorld();
    const before = await made.drover('status');
    expect(before.out).toMatch(/db +\+ missing +10\.0\.0\.1/);
    expect(before.out).toMatch(/\d+ steps to do: see `drover plan`/);
    await made.drover('apply');
    const after = await made.drover('status');
    expect(after.code).toBe(0);
    expect(after.out).toMatch(/10\.0\.0\.1 +● reachable/);
    expect(after.out).toMatch(/db +● running +10\.0\.0\.1 .*27017 +mongo:7/);
    expect(after.out).toMatch(/volume of "db" +10\.0\.0\.1 +owner/);
    expect(lastLine(after.out)).toBe('the nodes match the files');
  });

  it('calls the application of an unreachable node unknown, and exits with 1', async () => {
    made = await makeWorld();
    await made.drover('apply');
    made.cluster.disconnect(n1);
    const { code, out } = await made.drover('status');
    expect(code).toBe(1);
    expect(out).toMatch(/10\.0\.0\.1 +✘ unreachable/);
    expect(out).toMatch(/db +◌ unknown/);
    const json = JSON.parse((await made.drover('status', '--json')).out);
    expect(json).toMatchObject({
      nodes: [
        { node: n1, reachable: false },
        { node: n2, reachable: true },
      ],
    });
  });

  it('is what drover alone shows, with how to go on', async () => {
    made = await makeWorld();
    const { code, out } = await made.drover();
    expect(code).toBe(0);
    expect(out).toContain('drover move APP NODE');
    const nowhere = await made.drover('-C', '/');
    expect(nowhere.code).toBe(64);
    expect(nowhere.out).toContain('This folder has no application.yml');
  });
});

describe('doctor', () => {
  it('prints each fault with the command that fixes it', async () => {
    made = await makeWorld({
      nodes: {
        [n1]: { listeners: [{ address: '0.0.0.0', port: 27017, protocol: 'tcp', process: 'mongod' }] },
        [n2]: {},
      },
    });
    made.cluster.disconnect(n2);
    const { code, out } = await made.drover('doctor');
    expect(code).toBe(1);
    expect(out).toContain('port 27017/tcp of "db" is taken by "mongod"');
    expect(out).toContain(`run: ssh ${n1} ss -lnp`);
    expect(out).toContain(`run: ssh -v ${n2} true`);
  });

  it('tries it out: what is in the way is a fault, with its remedy, and the exit status is 1', async () => {
    const drop = { hook: 'forward', table: 'inet foreign', chain: 'fwd', handle: 4, rule: 'drop' } as const;
    made = await makeWorld({
      nodes: {
        [n1]: { meshAddress: n1, ailments: { clockOffsetMs: 120_000, maximumSessions: 2 } },
        [n2]: {
          meshAddress: n2,
          ailments: {
            drops: true,
            provision: [{ state: 'would do', step: 'boot services' }],
            system: { firewall: { services: [], drops: [drop] } },
          },
        },
      },
    });
    expect((await made.drover('apply')).code).toBe(0);
    const { code, out, err } = await made.drover('doctor', '--json');
    expect([code, err]).toEqual([1, '']);
    const { ok, findings } = JSON.parse(out);
    expect(ok).toBe(false);
    const faults = findings.filter(({ result }: { result: string }) => result === 'fault');
    expect(faults.map((one: { node?: string; check: string }) => [one.node, one.check])).toEqual([
      [n1, 'sessions'],
      [n1, 'clock'],
      [n2, 'provision'],
      [n2, 'connections'],
      [undefined, 'clocks'],
    ]);
    expect(faults[3].command).toBe(
      `ssh ${n2} nft insert rule inet foreign fwd ct status dnat ct reply ip saddr ${n1} ct original proto-dst 27017 meta l4proto tcp accept`,
    );
    const lines = await made.drover('doctor');
    expect(lines.out).toContain('5 faults');
    expect(lines.out).toContain(
      `run: ssh ${n2} bash -s -- --pool-name drover --root drover/volumes < host/provision.sh`,
    );
    // Neither changes anything, and the quick one tries nothing.
    const writes = made.cluster.writes();
    const calls = made.cluster.calls(n1, 'doctor.sessions');
    const quick = await made.drover('doctor', '--quick');
    expect([quick.code, quick.out]).toEqual([0, expect.stringContaining('no faults found')]);
    expect(made.cluster.calls(n1, 'doctor.sessions')).toBe(calls);
    expect(made.cluster.writes()).toBe(writes);
  });

  it('goes on where a node or a part of it does not answer', async () => {
    made = await makeWorld();
    await made.drover('apply');
    made.cluster.disconnect(n2);
    made.cluster.fail(n1, 'doctor.system', new AppError('timeout', 'cannot examine the system: no answer'));
    const { code, out } = await made.drover('doctor', '--json');
    expect(code).toBe(1);
    const { findings } = JSON.parse(out);
    const wrong = findings.filter(({ result }: { result: string }) => result !== 'ok');
    expect(wrong.map((one: { node: string; check: string }) => [one.node, one.check])).toEqual([
      [n1, 'examination'],
      [n2, 'connection'],
    ]);
    expect(findings).toContainEqual(expect.objectContaining({ node: n1, check: 'connections', result: 'ok' }));
  });

  it('shows its progress on a terminal', async () => {
    made = await makeWorld();
    const terminal = { moving: true, colour: false, columns: () => 80, ask: undefined };
    let said = '';
    const err = (text: string): void => {
      said += text;
    };
    made = await makeWorld({}, { terminal: { ...terminal, out: () => undefined, err } });
    await made.drover('doctor');
    expect(said).toContain('examining sessions, clock, firewall');
    expect(said).toContain(`examining ${n1}: examined`);
  });

  it('looks at one node when one is named', async () => {
    made = await makeWorld();
    await made.drover('apply');
    const { code, out } = await made.drover('doctor', n2, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out).findings.every(({ node }: { node: string }) => node === n2)).toBe(true);
  });
});

describe('trust', () => {
  const key = (accepted: string[]): Partial<World> => ({
    askHostKey: async (_files, node) => ({
      known: false,
      type: 'ssh-ed25519',
      fingerprint: 'SHA256:abc',
      accept: async () => {
        accepted.push(node);
        return '/home/anna/.ssh/known_hosts';
      },
    }),
  });

  it('accepts the key that was expected', async () => {
    const accepted: string[] = [];
    made = await makeWorld({}, key(accepted));
    expect((await made.drover('trust', n1, '--fingerprint', 'SHA256:abc')).code).toBe(0);
    expect(accepted).toEqual([n1]);
  });

  it('refuses another key, and a key that is not accepted', async () => {
    const accepted: string[] = [];
    made = await makeWorld({}, key(accepted));
    const other = await made.drover('trust', n1, '--fingerprint', 'SHA256:xyz', '--yes');
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('its key is SHA256:abc, not SHA256:xyz')]);
    expect((await made.drover('trust', n1)).code).toBe(1);
    // --yes is no look at a key.
    const unseen = await made.drover('trust', n1, '--yes');
    expect(unseen.code).toBe(1);
    expect(unseen.err).toContain('--fingerprint SHA256:');
    expect(accepted).toEqual([]);
  });
});

describe('usage', () => {
  it.each([
    [['fly'], 'unknown command "fly"'],
    [['aply'], 'did you mean `drover apply`?'],
    [['plan', '--bla'], "unknown option '--bla'"],
    [['move', 'db'], "missing required argument 'node'"],
    [['plan', 'extra'], 'too many arguments'],
    [['logs', 'db', '--tail', 'many'], 'it is not a whole number'],
  ])('%s is reported on standard error and exits with 64', async (args, text) => {
    made = await makeWorld();
    const { code, out, err } = await made.drover(...args);
    expect([code, out]).toEqual([64, '']);
    expect(err).toContain(text);
    expect(err).toMatch(/^drover: /);
  });

  it('recognises files in the wrong order', async () => {
    made = await makeWorld();
    const { code, err } = await made.drover('deploy', 'application.yml', 'deployment.yml');
    expect(code).toBe(64);
    expect(err).toMatch(/hint: swap them: `drover deploy \S*deployment\.yml \S*application\.yml`/);
    expect((await made.drover('deploy', 'deployment.yml', 'application.yml')).code).toBe(0);
  });

  it('reports a bug as a bug, without its stack', async () => {
    const broken = (): never => {
      throw new TypeError('x is not a function');
    };
    made = await makeWorld({}, { readConfig: broken });
    const { code, err } = await made.drover('validate');
    expect(code).toBe(1);
    expect(err).toBe(
      'drover: cannot continue because of a bug in drover: x is not a function\n  hint: the details are in /somewhere/drover.log\n',
    );
  });

  it('gives failures as a JSON document where JSON is asked for', async () => {
    made = await makeWorld();
    const { code, out } = await made.drover('move', 'nobody', n2, '--json');
    expect(code).toBe(64);
    expect(JSON.parse(out)).toMatchObject({ ok: false, error: { code: 'usage' } });
  });

  it('has help with examples for every verb', async () => {
    made = await makeWorld();
    const overview = await made.drover('--help');
    const verbs = [...overview.out.matchAll(/^ {2}([a-z]+) .*/gm)]
      .map(([, verb]) => verb)
      .filter((verb) => verb !== 'drover');
    expect(verbs.toSorted()).toEqual([
      'apply',
      'clone',
      'demo',
      'deploy',
      'doctor',
      'drain',
      'exec',
      'export',
      'failover',
      'history',
      'import',
      'init',
      'logs',
      'move',
      'node',
      'plan',
      'reclaim',
      'reseed',
      'restart',
      'rollback',
      'snapshot',
      'start',
      'status',
      'stop',
      'trust',
      'tutorial',
      'undo',
      'validate',
      'volumes',
      'watch',
    ]);
    for (const verb of verbs) {
      const { code, out } = await made.drover(verb ?? '', '--help');
      expect([code, out]).toEqual([0, expect.stringContaining(`Examples:\n  drover ${verb}`)]);
    }
  });
});
