import { beforeEach, describe, expect, it } from 'vitest';
import { type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const only = (node: string, apps = 'db'): string => `version: 1\nnodes:\n  ${node}: [${apps}]\n`;

/** Every call of the command line is a process of its own: it knows what is in the files and in the folder for state. */
describe('one node alone is in the files, and then another one in its place', () => {
  let made: MadeWorld;
  const written = 4096;
  beforeEach(async () => {
    made = await makeWorld({ registry: { 'mongo:7': {} } });
    await made.write('deployment.yml', only(n1));
    expect((await made.drover('apply')).code).toBe(0);
    const volume = made.cluster.facts(n1).volumes[0]?.id ?? '';
    made.cluster.write(n1, volume, written);
  });
  const startedOn = (node: string) => made.cluster.facts(node).containers.map(({ application }) => application);

  it('the application does not start empty there, and the line to write is shown', async () => {
    await made.write('deployment.yml', only(n2));
    for (const words of [['apply'], ['plan'], ['apply', '--yes', '--allow-removal']]) {
      const { code, out, err } = await made.drover(...words);
      expect([code, startedOn(n2)]).toEqual([4, []]);
      expect(out + err).toContain(`it was last seen on node "${n1}" at 10.99.0.11, which is missing from the files`);
      expect(out + err).toContain(`put "${n1}: []" back into deployment.yml`);
    }
    expect(made.cluster.facts(n2).volumes).toEqual([]);
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: []\n  ${n2}: [db]\n`);
    expect((await made.drover('apply')).code).toBe(0);
    expect(made.cluster.facts(n2).volumes).toMatchObject([{ role: 'owner', referencedBytes: written }]);
  });

  it('nor where the new placement is in another file', async () => {
    await made.write('moved.yml', only(n2));
    expect((await made.drover('deploy', 'moved.yml', 'application.yml')).code).toBe(4);
    expect(startedOn(n2)).toEqual([]);
  });

  it('nor under another id of its volume, nor where a colleague’s process has stopped it', async () => {
    await made.write('deployment.yml', only(n1, ''));
    expect((await made.drover('apply', '--allow-removal')).code).toBe(0);
    const text = await made.read('application.yml');
    await made.write(
      'application.yml',
      text.replace('{mountpoint: /data/db}', '{mountpoint: /data/db, dataset_id: n}'),
    );
    await made.write('deployment.yml', only(n2));
    const { code, out, err } = await made.drover('apply');
    expect([code, startedOn(n2)]).toEqual([4, []]);
    expect(out + err).toContain('of "db" was last seen on');
  });

  it('an application that has no data there is not in doubt', async () => {
    const text = await made.read('application.yml');
    await made.write('application.yml', text.replace('  db:', '  other:'));
    await made.write('deployment.yml', only(n2, 'other'));
    expect((await made.drover('apply')).code).toBe(0);
  });

  it('what has moved away before is not in doubt', async () => {
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: []\n  ${n2}: [db]\n`);
    expect((await made.drover('apply')).code).toBe(0);
    await made.write('deployment.yml', only(n2));
    expect(await made.drover('apply')).toMatchObject({ code: 0 });
  });
});
