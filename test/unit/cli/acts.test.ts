import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { appendFile, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { examples } from '../../../src/cli/examples.ts';
import { createRunJournal, journalKey } from '../../../src/cli/run-journal.ts';
import type { World } from '../../../src/cli/world.ts';
import { actNames, actOf } from '../../../src/model/acts.ts';
import { application, deployment, type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const MiB = 1024 * 1024;
let made: MadeWorld;

/** `db` runs on the first node. */
async function running(changes: Partial<World> = {}): Promise<void> {
  made = await makeWorld({}, changes);
  expect((await made.drover('apply')).code).toBe(0);
}

const container = () => made.cluster.facts(n1).containers.find(({ application }) => application === 'db');
const volume = () => made.cluster.facts(n1).volumes.find(({ role }) => role === 'owner');
const volumeId = (): string => volume()?.id ?? '';

/** A terminal that prints nothing, keeps the questions and gives the answer. */
const terminalWith = (asked: string[], answer: () => string): World['terminal'] => ({
  out: () => undefined,
  err: () => undefined,
  moving: false,
  colour: false,
  columns: () => 80,
  ask: async (question) => {
    asked.push(question);
    return answer();
  },
});

describe('restart, stop and start', () => {
  it('say what they did, and JSON says it as data', async () => {
    await running();
    expect(await made.drover('stop', 'db')).toEqual({
      code: 0,
      out: '✔ "db" was stopped; `drover start db` or the next apply starts it\n',
      err: '',
    });
    expect(container()).toMatchObject({ state: 'exited' });
    expect(await made.drover('start', 'db')).toEqual({ code: 0, out: '✔ "db" was started\n', err: '' });
    expect(container()).toMatchObject({ state: 'running' });
    const before = container();
    const { code, out } = await made.drover('restart', 'db', '--json');
    expect([code, JSON.parse(out)]).toEqual([0, { ok: true, app: 'db' }]);
    expect(container()).toMatchObject({ id: before?.id, state: 'running' });
  });

  it('refuse what is not there, and a node that is away', async () => {
    await running();
    const unknown = await made.drover('restart', 'dbb');
    expect([unknown.code, unknown.err]).toEqual([64, expect.stringContaining('did you mean "db"?')]);
    made.cluster.disconnect(n1);
    const away = await made.drover('restart', 'db');
    const why = `drover: cannot restart "db": node "${n1}" cannot be reached: `;
    expect([away.code, away.err]).toEqual([1, expect.stringMatching(new RegExp(`^${why}\\S`))]);
  });

  it('do not wait: a lock that is held ends with 3', async () => {
    await running();
    const session = made.cluster.session();
    const signal = new AbortController().signal;
    await (await session.node(n1, signal)).mutex.acquire('anna@laptop', signal);
    const { code, err } = await made.drover('stop', 'db');
    expect([code, err]).toEqual([3, expect.stringContaining('anna@laptop')]);
    expect(container()).toMatchObject({ state: 'running' });
  });
});

describe('snapshot, volumes, clone and rollback', () => {
  it('show a snapshot that was taken, with its size, age and holds', async () => {
    await running();
    const taken = await made.drover('snapshot', 'db', 'good');
    expect(taken).toMatchObject({ code: 0, out: `✔ ${volume()?.dataset}@user-good on ${n1}\n` });
    const { code, out } = await made.drover('volumes', 'db');
    expect(code).toBe(0);
    expect(out).toMatch(/drover\/volumes\/db-\w+ +0 B {2}\d.* old {2}owner {2}db\n {4}@user-good +0 B {2}\d.* old\n/);
    expect(out).toContain(`\n${n2}\n  nothing\n`);
    const json = JSON.parse((await made.drover('volumes', n1, '--json')).out);
    expect(json).toMatchObject({ ok: true, nodes: [{ node: n1, datasets: [{ snapshots: [{ name: 'user-good' }] }] }] });
    made.cluster.disconnect(n2);
    const half = await made.drover('volumes');
    expect([half.code, half.out]).toEqual([1, expect.stringContaining('cannot reach node')]);
  });

  it('create a dataset next to the volume', async () => {
    await running();
    await made.drover('snapshot', 'db', 'good');
    const { code, out } = await made.drover('clone', 'db', 'good');
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/-clone-\d{8}-\d{6} on .*; mount it there with `zfs mount /),
    ]);
    expect((await made.drover('volumes', 'db')).out).toMatch(/-clone-\d{8}-\d{6} .* not a volume\n/);
    const missing = await made.drover('clone', 'db', 'bad');
    expect([missing.code, missing.err]).toEqual([64, expect.stringContaining('cannot find snapshot "bad" of "db"')]);
  });

  it('roll back once the name of the application was typed', async () => {
    const asked: string[] = [];
    let answer = 'yes';
    const terminal = terminalWith(asked, () => answer);
    await running({ terminal });
    made.cluster.write(n1, volumeId(), 2 * MiB);
    const good = made.cluster.content(n1, volumeId());
    await made.drover('snapshot', 'db', 'good');
    made.cluster.write(n1, volumeId(), 3 * MiB);
    const present = made.cluster.content(n1, volumeId());
    expect((await made.drover('rollback', 'db', 'good')).code).toBe(64);
    expect(made.cluster.content(n1, volumeId())).toEqual(present);
    answer = 'db\n';
    expect((await made.drover('rollback', 'db', 'good')).code).toBe(0);
    expect(asked[1]).toMatch(
      /"db" stops, returns to .*@user-good on 10\.0\.0\.1, and starts again\.\n.*\nType the name of the application/,
    );
    expect(made.cluster.content(n1, volumeId())).toEqual(good);
    expect(container()).toMatchObject({ state: 'running' });
  });

  it('reclaim once the name of the application was typed, and tell what to do then', async () => {
    let answer = 'y';
    const asked: string[] = [];
    const note = (text: string): number => asked.push(text);
    const terminal = { ...terminalWith(asked, () => answer), out: note, err: note };
    await running({ terminal });
    expect((await made.drover('move', 'db', n2)).code).toBe(0);
    made.cluster.disconnect(n2);
    expect((await made.drover('reclaim', 'db', '--on', n1)).code).toBe(64);
    expect(made.cluster.facts(n1).volumes[0]).toMatchObject({ role: 'replica' });
    answer = 'db';
    expect((await made.drover('reclaim', 'db', '--on', n1)).code).toBe(0);
    expect(made.cluster.facts(n1).volumes[0]).toMatchObject({ role: 'owner', epoch: 1002 });
    const said = asked.join('');
    expect(said).toContain(`"db" continues with the copies of its volumes on ${n1}`);
    expect(said).toMatch(/@drover-\S+\n {2}place "db" on that node in deployment.yml, then run `drover apply`\n$/);
  });

  it('take a name for all volumes of the application', async () => {
    made = await makeWorld();
    const two = 'volumes: [{mountpoint: /data/db}, {mountpoint: /log}]';
    await made.write('application.yml', application.replace('volume: {mountpoint: /data/db}', two));
    expect((await made.drover('apply')).code).toBe(0);
    await made.drover('snapshot', 'db', 'good');
    const cloned = await made.drover('clone', 'db', 'good', '--json');
    expect(JSON.parse(cloned.out).datasets).toHaveLength(2);
    const datasets = made.cluster.facts(n1).volumes.flatMap(({ id, dataset }) => (id === '' ? [] : [dataset]));
    const back = await made.drover('rollback', 'db', 'good', '--yes', '--json');
    expect([back.code, JSON.parse(back.out).kept.toSorted()]).toEqual([0, datasets.toSorted()]);
    expect((await made.drover('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('do not ask with --yes, refuse without a terminal, and name the previous data', async () => {
    await running();
    await made.drover('snapshot', 'db', 'good');
    const refused = await made.drover('rollback', 'db', 'good');
    expect([refused.code, refused.err]).toEqual([64, expect.stringContaining('add --yes')]);
    const before = volume()?.dataset;
    const { code, out } = await made.drover('rollback', 'db', 'user-good', '--yes');
    expect([code, out]).toEqual([0, expect.stringMatching(`\n {2}its previous data is kept in ${before} on ${n1}\n$`)]);
    expect((await made.drover('plan', '--detailed-exitcode')).code).toBe(0);
  });
});

describe('exec', () => {
  const streamsOf = (input: string) => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    stdin.end(input);
    return { stdin, stdout, stderr };
  };

  it('gives input and output through, and ends with the code of the program', async () => {
    const streams = streamsOf('one\ntwo\n');
    await running({ streams });
    expect((await made.drover('exec', 'db', 'cat')).code).toBe(0);
    expect(String(streams.stdout.read())).toBe('one\ntwo\n');
    expect((await made.drover('exec', 'db', '--', 'exit', '7')).code).toBe(7);
    expect((await made.drover('exec', 'db', 'nothing')).code).toBe(127);
    expect(String(streams.stderr.read())).toContain('nothing: not found');
  });

  it('without a command is a shell on the terminal, which is as before when it is left', async () => {
    const raw: boolean[] = [];
    const stdin = Object.assign(new PassThrough(), {
      isTTY: true,
      setRawMode: (on: boolean) => void raw.push(on),
    });
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 80, rows: 24 });
    stdin.write('echo hi\rexit 3\r');
    await running({ streams: { stdin, stdout, stderr: new PassThrough() } });
    expect((await made.drover('exec', 'db')).code).toBe(3);
    expect(String(stdout.read())).toContain('\r\nhi\r\n');
    expect(raw).toEqual([true, false]);
    expect(stdout.listenerCount('resize')).toBe(0);
  });

  it('says that nothing runs', async () => {
    await running();
    await made.drover('stop', 'db');
    const { code, err } = await made.drover('exec', 'db');
    expect([code, err]).toEqual([1, expect.stringContaining('start it: drover start db')]);
  });
});

describe('history and undo', () => {
  const movedTo2 = deployment.replace('[db] # here', '[] # here').replace(`${n2}: []`, `${n2}: [db]`);

  it('remember each run that did something, and show one of them', async () => {
    await running();
    await made.drover('apply');
    await made.drover('move', 'db', n2);
    const { code, out } = await made.drover('history');
    expect([code, out.trimEnd().split('\n')]).toEqual([
      0,
      [expect.stringMatching(/^\d{8}-\d{6}-\d{3} +\d+ steps {2}converged: /), expect.stringContaining('converged')],
    ]);
    const last = await made.drover('history', 'last');
    expect(last.out).toMatch(/\n +succeeded .* acquire volume of "db"/);
    expect(last.out).toContain(`"db" moved from ${n1} to ${n2}`);
    const json = await made.drover('history', '--json');
    expect(JSON.parse(json.out).runs).toHaveLength(2);
    expect(json.out).not.toContain('hunter2');
    expect((await made.drover('history', '1999')).code).toBe(64);
  });

  it('keep the texts of the files without secret values, where only their owner can read them', async () => {
    await running();
    const file = join(made.folder, 'state', 'runs.jsonl');
    expect([(await stat(file)).mode & 0o777, (await stat(dirname(file))).mode & 0o777]).toEqual([0o600, 0o700]);
    const text = await readFile(file, 'utf8');
    expect(text).not.toContain('hunter2');
    expect(text).toContain('mongo:7');
  });

  it('undo an application file around its secret values, and say where it was values that changed', async () => {
    await running();
    const before = await made.read('application.yml');
    expect(before).toContain('hunter2');
    const after = before.replace('version: 1', 'version: 1 # now');
    await made.write('application.yml', after);
    await made.drover('move', 'db', n2);
    expect((await made.drover('undo')).out).toMatch(/application\.yml and .*deployment\.yml from before/);
    expect(await made.read('application.yml')).toBe(before);

    await made.write('application.yml', before.replace('hunter2', 'hunter3'));
    expect((await made.drover('apply')).code).toBe(0);
    const refused = await made.drover('undo');
    expect([refused.code, refused.err]).toEqual([64, expect.stringMatching(/values .* which are not recorded/)]);
    expect(await made.read('application.yml')).toContain('hunter3');
    expect(await readFile(join(made.folder, 'state', 'runs.jsonl'), 'utf8')).not.toMatch(/hunter[23]/);
  });

  it('undo never takes away a secret value that was edited since the last run', async () => {
    await running();
    await made.drover('move', 'db', n2);
    const edited = (await made.read('application.yml')).replace('hunter2', 'hunter3');
    await made.write('application.yml', edited);
    const refused = await made.drover('undo');
    expect([refused.code, refused.err]).toEqual([64, expect.stringMatching(/application\.yml" was edited since/)]);
    expect((await made.drover('undo', '--force', '--no-apply')).code).toBe(0);
    expect(await made.read('deployment.yml')).toBe(deployment);
    expect(await made.read('application.yml')).toBe(edited);
  });

  it('clean what older versions wrote, and undo it all the same', async () => {
    await running();
    const file = join(made.folder, 'state', 'runs.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    const old = lines.map((line) => {
      const record = JSON.parse(line);
      return JSON.stringify({ ...record, files: { application, deployment } });
    });
    await writeFile(file, `${old.join('\n')}\n`);
    expect(await readFile(file, 'utf8')).toContain('hunter2');
    await made.drover('move', 'db', n2);
    expect(await readFile(file, 'utf8')).not.toContain('hunter2');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await made.drover('undo')).code).toBe(0);
    expect([await made.read('deployment.yml'), await made.read('application.yml')]).toEqual([deployment, application]);
  });

  it('undo puts the files back and applies; done twice, it takes itself back', async () => {
    await running();
    await made.drover('move', 'db', n2);
    const there = await made.read('deployment.yml');
    expect(there).toBe(movedTo2);
    const undone = await made.drover('undo');
    expect([undone.code, undone.out]).toEqual([
      0,
      expect.stringMatching(/^restored .*deployment\.yml from before the run of 2/),
    ]);
    expect(await made.read('deployment.yml')).toBe(deployment);
    expect(container()).toMatchObject({ state: 'running' });
    expect((await made.drover('undo')).code).toBe(0);
    expect(await made.read('deployment.yml')).toBe(there);
  });

  it('undo takes back an edit whose run was blocked, which is remembered once', async () => {
    await running();
    made.cluster.disconnect(n2);
    await made.write('deployment.yml', movedTo2);
    expect((await made.drover('apply')).code).toBe(4);
    expect((await made.drover('apply')).code).toBe(4);
    const { runs } = JSON.parse((await made.drover('history', '--json')).out);
    expect(runs.map(({ result }: { result: string }) => result)).toEqual(['converged', 'blocked']);
    const undone = await made.drover('undo');
    expect(undone.out).toMatch(/^restored .*deployment\.yml from before the run of 2/);
    expect(await made.read('deployment.yml')).toBe(deployment);
  });

  it('undo keeps an edit that was not applied, except with --force', async () => {
    await running();
    expect((await made.drover('undo')).err).toContain('no recorded run changed the files');
    await made.drover('move', 'db', n2);
    await appendFile(join(made.folder, 'deployment.yml'), '# mine\n');
    const refused = await made.drover('undo');
    expect([refused.code, refused.err]).toEqual([64, expect.stringMatching(/deployment\.yml" was edited since/)]);
    expect(await made.read('deployment.yml')).toContain('# mine');
    expect((await made.drover('undo', '--force', '--no-apply')).code).toBe(0);
    expect(await made.read('deployment.yml')).toBe(deployment);
    expect(made.cluster.facts(n2).containers).toHaveLength(1);
  });

  it('ignore the runs of other files, and a line that was cut off', async () => {
    await running();
    const state = join(made.folder, 'state');
    await appendFile(join(state, 'runs.jsonl'), '{"id":"half');
    await made.drover('move', 'db', n2);
    const journal = createRunJournal(state);
    const files = { application: 'application.yml', deployment: 'deployment.yml' };
    expect(await journal.read(journalKey(files, { cwd: made.folder }))).toHaveLength(2);
    expect(await journal.read(journalKey(files, { cwd: '/elsewhere' }))).toEqual([]);
    expect(await journal.read()).toHaveLength(2);
  });
});

describe('the help', () => {
  const verbs = [...actNames.map((name) => actOf(name).verb), ...Object.keys(examples)];

  it.each(['', ...verbs])('of "%s" is as it was', async (verb) => {
    made = await makeWorld();
    const words = verb === '' ? [] : verb.split(' ');
    const { code, out } = await made.drover(...words, '--help');
    expect(code).toBe(0);
    const file = new URL(`../../golden/help/${['drover', ...words].join('-')}.txt`, import.meta.url).pathname;
    if (process.env.UPDATE_GOLDEN === '1' && !existsSync(dirname(file))) mkdirSync(dirname(file), { recursive: true });
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, out);
    expect(out).toBe(readFileSync(file, 'utf8'));
  });
});
