import { describe, expect, it } from 'vitest';
import { application, type MadeWorld, makeWorld, n1, n2 } from './made-world.ts';

const n3 = '10.0.0.3';
const volumes = (made: MadeWorld, node: string) => made.cluster.facts(node).volumes;
const running = (made: MadeWorld, nodes: readonly string[]) =>
  nodes.filter((node) => made.cluster.facts(node).containers.some(({ state }) => state === 'running'));

/** db runs on n1 with a copy on n2, and n1 has lost its power. */
async function lostWorld(fence = ''): Promise<MadeWorld> {
  const made = await makeWorld({ nodes: { [n1]: { boot: {} }, [n2]: { boot: {} } } });
  await made.write('drover.yml', `nodes:\n  ${n1}: {name: node1${fence}}\n  ${n2}: {name: node2}\n`);
  for (const words of [['apply'], ['move', 'db', n2], ['move', 'db', n1]]) {
    const { code, out, err } = await made.drover(...words);
    if (code !== 0) throw new Error(`${words.join(' ')}: ${out}${err}`);
  }
  made.cluster.powerOff(n1);
  return made;
}

describe('drover failover', () => {
  it('shows in a dry run what is lost and what would happen, and changes nothing', async () => {
    const made = await lostWorld();
    const writes = made.cluster.writes();
    const { code, out } = await made.drover('failover', 'db', '--to', 'node2', '--dry-run');
    expect([code, out]).toEqual([0, expect.stringMatching(/loses everything since \d\d:\d\d:\d\d/)]);
    expect(out).toMatch(/take \S+ over with epoch \d+/);
    expect(out).toContain('start "db" on node2');
    expect(made.cluster.writes()).toBe(writes);
    expect(await made.read('deployment.yml')).toContain(`${n1}: [db]`);
  });

  it('needs that the loss is accepted, and a proof that names the lost node', async () => {
    const made = await lostWorld();
    const base = ['failover', 'db', '--to', 'node2'];
    const noLoss = await made.drover(...base, '--yes');
    expect([noLoss.code, noLoss.err]).toEqual([64, expect.stringContaining('add --accept-loss')]);
    const noProof = await made.drover(...base, '--accept-loss', '--yes');
    expect([noProof.code, noProof.err]).toEqual([64, expect.stringContaining('nothing proves that node1')]);
    const wrong = await made.drover(...base, '--accept-loss', '--i-have-powered-it-off', 'node2');
    expect([wrong.code, wrong.err]).toEqual([64, expect.stringContaining('is the lost node')]);
    expect(running(made, [n2])).toEqual([]);
  });

  it('starts the application there, edits deployment.yml, and says where the receipt is', async () => {
    const made = await lostWorld();
    const words = ['failover', 'db', '--to', 'node2', '--accept-loss', '--i-have-powered-it-off', 'node1', '--json'];
    const { code, out } = await made.drover(...words);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      failovers: [{ app: 'db', from: [n1], to: n2, receipt: expect.any(String), proofs: [{ kind: 'powered-off' }] }],
    });
    expect(running(made, [n2])).toEqual([n2]);
    expect(await made.read('deployment.yml')).toContain(`${n2}: [db]`);
  });

  it('runs the fence of drover.yml, or the one that is given, for all applications of a node; then the node is reseeded', async () => {
    const made = await lostWorld(', fence: "echo no outlet; exit 7"');
    const failed = await made.drover('failover', '--node', 'node1', '--accept-loss', '1h');
    expect([failed.code, failed.err]).toEqual([64, expect.stringContaining('exited with 7')]);
    const done = await made.drover('failover', '--node', 'node1', '--accept-loss', '1h', '--fenced-by', 'true');
    expect([done.code, done.err]).toEqual([0, '']);
    made.cluster.reboot(n1);
    made.cluster.bootGate(n1);
    const status = await made.drover('status');
    expect(status.out).toMatch(/"db" diverged on node1 .* which never arrived at node2/);
    expect(status.out).toContain('drover reseed db node1');
    const reseeded = await made.drover('reseed', 'db', 'node1');
    expect([reseeded.code, reseeded.out]).toEqual([0, expect.stringContaining('keeps what it had as ')]);
    expect(volumes(made, n1).map(({ role }) => role)).toEqual(expect.arrayContaining(['retired']));
  });

  it('tests a fence only if that is meant, and says whether the node is silent afterwards', async () => {
    const made = await makeWorld();
    await made.write('drover.yml', `nodes:\n  ${n1}: {name: node1, fence: "true"}\n  ${n2}: {name: node2}\n`);
    expect(await made.drover('doctor', '--fence', 'node1')).toMatchObject({
      code: 64,
      err: expect.stringContaining('it switches the node off'),
    });
    const { code, out } = await made.drover('doctor', '--fence', 'node1', '--really');
    expect([code, out]).toEqual([1, expect.stringContaining('exited with 0, but node1')]);
  });
});

describe('drover drain', () => {
  const two = `${application}  web:
    image: nginx:1
    ports: [{internal: 80, external: 80}]
`;

  it('moves everything that fits, one after the other, and shows it first', async () => {
    const made = await makeWorld({ nodes: { [n1]: {}, [n2]: {}, [n3]: {} } });
    await made.write('application.yml', two);
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [db, web]\n  ${n2}: []\n  ${n3}: []\n`);
    await made.drover('apply');
    const writes = made.cluster.writes();
    const dry = await made.drover('drain', n1, '--to', n2, '--dry-run');
    expect([dry.code, dry.out]).toEqual([0, expect.stringContaining(`"db" to ${n2}`)]);
    expect(made.cluster.writes()).toBe(writes);
    const { code, out } = await made.drover('drain', n1, '--to', n2);
    expect([code, out]).toEqual([0, expect.stringContaining(`"web" to ${n2}`)]);
    expect(await made.read('deployment.yml')).toContain(`${n1}: []`);
    expect(volumes(made, n2)).toMatchObject([{ role: 'owner' }]);
  });

  it('stops at the first move that fails, and says what is left', async () => {
    const made = await makeWorld();
    await made.write('application.yml', two);
    await made.write('deployment.yml', `version: 1\nnodes:\n  ${n1}: [db, web]\n  ${n2}: []\n`);
    await made.drover('apply');
    made.cluster.fail(n2, 'containers.create', new Error('no'), 9);
    made.cluster.fail(n2, 'containers.createOnData', new Error('no'), 9);
    const { code, out } = await made.drover('drain', n1);
    expect(code).not.toBe(0);
    expect(out).toContain(`still on ${n1}: `);
    expect(running(made, [n1])).toEqual([n1]);
  });

  it('leaves what fits nowhere, with the reason', async () => {
    const made = await makeWorld();
    await made.drover('apply');
    made.cluster.powerOff(n2);
    const { code, out } = await made.drover('drain', n1);
    expect([code, out]).toEqual([4, expect.stringMatching(/"db" stays: .*not reachable/)]);
  });
});
