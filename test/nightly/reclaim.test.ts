import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { lab, labName, onNode, untilUp } from '../acceptance/crash-nodes.ts';
import {
  drover,
  type Folder,
  folderWith,
  labIsThere,
  node1,
  node2,
  pause,
  type Ran,
  resetLab,
  startDrover,
} from '../acceptance/lab.ts';

/** Writes all the time, and has no port. */
const application = `version: 1
applications:
  keep:
    image: drover/busybox:1
    command: [sh, -c, "while :; do date >>/data/log; sleep 0.2; done"]
    volume: {mountpoint: /data}
    restart_policy: {name: always}
`;

describe.skipIf(!labIsThere)('data goes on from the copy that is left', () => {
  let folder: Folder;

  beforeAll(async () => {
    folder = await folderWith(application);
  });
  beforeEach(async () => {
    await resetLab();
    await applied(node1);
    await mark('first');
  });
  afterAll(async () => {
    await lab('fix').catch(() => undefined);
    await folder?.remove();
  });

  const place = (node: string): Promise<void> => folder.deploy({ [node1]: [], [node2]: [], [node]: ['keep'] });
  const say = async (...args: readonly string[]): Promise<Ran> => {
    const ran = await drover(args, folder.path);
    console.log(`$ drover ${args.join(' ')}   # exit ${ran.code}\n${ran.stdout}${ran.stderr}`);
    return ran;
  };
  async function apply(): Promise<Ran> {
    const ran = await say('apply');
    if (ran.code !== 3) return ran;
    // A node that boots has the lock for as long as it asks its peers.
    await pause(2_000);
    return apply();
  }
  async function applied(node: string): Promise<void> {
    await place(node);
    const ran = await apply();
    expect(ran.code, `${ran.stdout}${ran.stderr}`).toBe(0);
  }
  const mark = (word: string, node = node1): Promise<string> =>
    onNode(node, `docker exec drover-keep sh -c 'echo ${word} >>/data/marks' && sync`);
  const marks = async (node: string): Promise<readonly string[]> =>
    (await onNode(node, 'docker exec drover-keep cat /data/marks')).trim().split('\n');
  const power = (node: string, ...undo: readonly string[]): Promise<void> =>
    lab('break', labName(node), 'power', ...undo);

  /** What the plan offers is refused without its confirmation, and does what it says with it. */
  async function reclaims(node: string): Promise<void> {
    const blocked = await apply();
    expect(blocked.code).toBe(4);
    expect(`${blocked.stdout}${blocked.stderr}`).toContain(`drover reclaim keep --on ${node}`);
    const unconfirmed = await say('reclaim', 'keep', '--on', node);
    expect([unconfirmed.code, unconfirmed.stderr]).toEqual([
      64,
      expect.stringContaining('answer with the name of the application'),
    ]);
    expect((await say('reclaim', 'keep', '--on', node, '--yes')).code).toBe(0);
    await say('apply');
  }

  it('where the new node is lost after the release', async () => {
    await place(node2);
    const run = startDrover(['apply'], folder.path, (event, child) => {
      if (event.type === 'step-finished' && String(event.step).startsWith('release-volume:')) child.kill('SIGKILL');
    });
    expect(await run.ended).toMatchObject({ signal: 'SIGKILL' });
    await power(node2);
    await place(node1);
    await reclaims(node1);
    expect(await marks(node1)).toEqual(['first']);
    await mark('second');
    await power(node2, '--undo');
    await untilUp();
    await applied(node1);
    await applied(node2);
    expect(await marks(node2)).toEqual(['first', 'second']);
  });

  it('where the owner is lost and a replica is left', async () => {
    await applied(node2);
    await mark('second', node2);
    await power(node2);
    await place(node1);
    await reclaims(node1);
    expect(await marks(node1)).toEqual(['first']);
    await mark('third');
    await power(node2, '--undo');
    await untilUp();
    const after = await apply();
    expect(`${after.stdout}${after.stderr}`).toMatch(/another node took over later|diverged/);
    expect((await onNode(node2, 'docker ps -q --filter name=drover-keep')).trim()).toBe('');
    expect(await marks(node1)).toEqual(['first', 'third']);
  });

  it('where its host was installed again and has kept its pool', async () => {
    const root = 'drover/volumes';
    const id = (await onNode(node1, `zfs get -H -o value drover:node ${root}`)).trim();
    // The hint of the provisioning is followed: the pool belongs to the new installation.
    await onNode(node1, `docker rm -f drover-keep; zfs set drover:node=new-${id} ${root}`);
    await reclaims(node1);
    expect(await marks(node1)).toEqual(['first']);
    await applied(node2);
    expect(await marks(node2)).toEqual(['first']);
  });

  it('and never begins with a new volume where its dataset was renamed', async () => {
    const list = 'zfs list -H -o name -r drover/volumes | grep /keep-';
    const dataset = (await onNode(node1, list)).trim();
    await onNode(node1, `docker stop -t 1 drover-keep && zfs rename ${dataset} drover/elsewhere`);
    for (const node of [node1, node2]) {
      await place(node);
      const ran = await apply();
      expect([ran.code, `${ran.stdout}${ran.stderr}`]).toEqual([4, expect.stringContaining('no node has its dataset')]);
    }
    await onNode(node1, `zfs rename drover/elsewhere ${dataset}`);
    await applied(node2);
    expect(await marks(node2)).toEqual(['first']);
  });
});
