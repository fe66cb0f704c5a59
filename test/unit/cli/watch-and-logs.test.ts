import { describe, expect, it, vi } from 'vitest';
import { deployment, type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

let made: MadeWorld;

const until = { timeout: 60_000, interval: 20 };

describe('watch', () => {
  it('applies now and after a save; a wrong save is shown and changes nothing; Ctrl-C ends it', async () => {
    made = await makeWorld();
    const { said, ended } = made.start('watch');
    await vi.waitFor(() => expect(said.out).toMatch(/^converged: \d+ steps/m), until);
    expect(said.out).toMatch(/^watching .*application\.yml and .*deployment\.yml; press Ctrl-C to stop$/m);

    const writes = made.cluster.writes();
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [dbb]\n`);
    await vi.waitFor(() => expect(said.out).toContain('the last good files stay in force'), until);
    expect(said.out).toMatch(/deployment\.yml:3:/);
    expect(made.cluster.writes()).toBe(writes);

    await made.write('deployment.yml', deployment.replace('[db]', '[]').replace(`${n2}: []`, `${n2}: [db]`));
    await vi.waitFor(() => expect(said.out).toContain('"db" moved from 10.0.0.1 to 10.0.0.2'), until);
    made.interrupt();
    expect(await ended).toBe(130);
    expect(made.cluster.violations()).toEqual([]);
  });
});

describe('logs', () => {
  it('prints what the application wrote, with its node in JSON', async () => {
    made = await makeWorld({ registry: { 'mongo:7': { logs: ['first line', 'ready\u001b[2J'] } } });
    await made.drover('apply');
    const plain = await made.drover('logs', 'db');
    const json = await made.drover('logs', 'db', '--json', '--tail', '1');
    expect([plain.code, json.code]).toEqual([0, 0]);
    expect(JSON.parse(json.out)).toEqual({ node: n1, stream: 'stdout', text: 'ready\u001b[2J' });
    // Also without a terminal: what is written into a file is shown on one later.
    expect(plain.out).toBe('first line\nready\n');
  });

  it('says that an application which runs nowhere has no logs', async () => {
    made = await makeWorld();
    const { code, err } = await made.drover('logs', 'db');
    expect(code).toBe(1);
    expect(err).toMatch(/^drover: cannot /);
  });
});
