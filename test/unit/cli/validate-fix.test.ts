import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

let made: MadeWorld;

const wrong = `# where\nversion: 1\nnodes:\n  ${n1}: [dbb] # main\n  ${n2}: []\n`;

describe('validate --fix', () => {
  it('writes what is certain, shows it, and says that the files are good now', async () => {
    made = await makeWorld();
    await made.write('deployment.yml', wrong);
    const before = await stat(join(made.folder, 'deployment.yml'));
    const { code, out, err } = await made.drover('validate', '--fix');
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain(`    4 -   ${n1}: [dbb] # main\n    4 +   ${n1}: [db] # main\n`);
    expect(out).toContain('✔ both files are good');
    expect(await made.read('deployment.yml')).toBe(wrong.replace('dbb', 'db'));
    const after = await stat(join(made.folder, 'deployment.yml'));
    expect(after.mode).toBe(before.mode);
    // A new file replaced it: no reader could see a part of it.
    expect(after.ino).not.toBe(before.ino);
  });

  it('is named where it would help, and changes nothing before it is asked for', async () => {
    made = await makeWorld();
    await made.write('deployment.yml', wrong);
    const { code, err } = await made.drover('validate');
    expect(code).toBe(65);
    expect(err).toMatch(/`drover validate --fix` fixes 1 of 1 problem\n$/);
    expect(await made.read('deployment.yml')).toBe(wrong);
  });

  it('finds mistakes behind mistakes, and reports those that are left', async () => {
    made = await makeWorld();
    const deployment = `version: 1\nnodes: {${n1}: [db], ${n2}: text}\n`;
    await made.write('deployment.yml', deployment);
    await made.write(
      'application.yml',
      'version: 1\napplications: {db: {image: x, prots: [{internal: "1", external: 2}]}}\n',
    );
    const { code, out, err } = await made.drover('validate', '--fix');
    expect(code).toBe(65);
    expect(out).toContain('ports: [{internal: 1, external: 2}]');
    expect(err).toContain('deployment.yml:2:');
    expect(err).not.toContain('application.yml');
    expect(err).not.toContain('--fix');
    expect(await made.read('deployment.yml')).toBe(deployment);
  });

  it('prints the fixes and the changes as JSON', async () => {
    made = await makeWorld();
    await made.write('deployment.yml', wrong);
    const problem = JSON.parse((await made.drover('validate', '--json')).out).problems[0];
    expect(problem.fix).toEqual({
      line: 4,
      column: 14,
      length: 3,
      was: 'dbb',
      replacement: 'db',
      label: 'write db in place of dbb',
    });
    const { code, out } = await made.drover('validate', '--fix', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      fixed: [{ diff: [`    4 -   ${n1}: [dbb] # main`, `    4 +   ${n1}: [db] # main`] }],
    });
  });

  it('changes nothing where the file was saved again in between', async () => {
    made = await makeWorld({}, { readText: async () => wrong.replace('dbb', 'web') });
    await made.write('deployment.yml', wrong);
    const { code, err } = await made.drover('validate', '--fix');
    expect(code).toBe(64);
    expect(err).toContain('line 4 is not what it was');
    expect(await made.read('deployment.yml')).toBe(wrong);
  });
});
