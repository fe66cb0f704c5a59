import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEmulated } from '../support/lab-record.ts';
import {
  drover,
  type Folder,
  hangsMs,
  labIsThere,
  node1,
  node2,
  onNode,
  ownersOn,
  pause,
  project,
  run,
  runningOnNode1,
  startDrover,
} from './lab.ts';

const application = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8001, external: 8000}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
    restart_policy: {name: always}
`;
// A busy node has to come as far as the release within it, or drover takes the move back itself.
const switchMs = isEmulated() ? 60_000 : 30_000;

/** True where a new connection is accepted and answered: the writer's port 8001 tells where it is on connecting. */
function answers(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 8000 });
    const end = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.setTimeout(5_000, () => end(false));
    socket.once('data', () => end(true));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
  });
}

const containerOn = async (node: string): Promise<string> =>
  (await onNode(node, "docker ps -a --no-trunc --filter name=drover-writer --format '{{.ID}} {{.State}}'")).trim();

async function recordsOn(node: string): Promise<number> {
  const verified = await onNode(node, 'docker exec drover-writer /writer -verify /data/log');
  expect(verified).toMatch(/lost=0 doubled=0 bad=0/);
  return Number(/records=(\d+)/.exec(verified)?.[1]);
}

describe.skipIf(!labIsThere)('drover is gone in the middle of a switch', () => {
  let folder: Folder;

  beforeAll(async () => {
    const settings = `version: 1\ntimeouts: {switch: ${switchMs / 1000}s}\n`;
    folder = await runningOnNode1('writer', application, settings);
  });
  afterAll(() => folder.remove());

  /** Moves it to the node, and kills drover when it begins this step; says when that was. */
  async function killedAt(to: string, moment: string): Promise<number> {
    await folder.deploy({ [node1]: to === node1 ? ['writer'] : [], [node2]: to === node2 ? ['writer'] : [] });
    let at = 0;
    const killed = startDrover(['apply'], folder.path, (event, child) => {
      if (event.type !== 'step-started' || !String(event.step).startsWith(moment)) return;
      child.kill('SIGKILL');
      at = Date.now();
    });
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
    return at;
  }

  async function applyFinishes(from: string, to: string): Promise<void> {
    const ran = await drover(['apply'], folder.path);
    expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    expect(await ownersOn(to)).toHaveLength(1);
    expect(await ownersOn(from)).toHaveLength(0);
    expect(await containerOn(from)).toBe('');
    expect(await onNode(from, 'ls /var/lib/drover/dead-man')).toBe('');
  }

  it('before the release: it runs again where it was by itself, and the next apply moves it', async () => {
    const before = await containerOn(node1);
    const records = await recordsOn(node1);
    const at = await killedAt(node2, 'send-final');
    expect(await onNode(node1, "systemctl list-timers --no-legend 'drover-dead-man@*'")).toContain('writer');
    expect(await ownersOn(node1)).toHaveLength(0);
    await expect.poll(() => answers(node1), { timeout: hangsMs, interval: 1_000 }).toBe(true);
    console.log(`answers on node1 again ${((Date.now() - at) / 1000).toFixed(1)} s after the kill`);
    // The other node has never stopped forwarding to it, and its hold is over.
    await expect.poll(() => answers(node2), { timeout: hangsMs, interval: 1_000 }).toBe(true);
    expect(await containerOn(node1)).toBe(before);
    expect(await ownersOn(node1)).toHaveLength(1);
    expect(await ownersOn(node2)).toHaveLength(0);
    console.log(await onNode(node1, "journalctl --no-pager -o cat -u 'drover-dead-man@*'"));
    const since = await recordsOn(node1);
    expect(since).toBeGreaterThan(records);
    await applyFinishes(node1, node2);
    expect(await recordsOn(node2)).toBeGreaterThanOrEqual(since);
  });

  it('after the release: it stays down on the old node, whatever Docker is asked, and the next apply finishes', async () => {
    const records = await recordsOn(node2);
    await killedAt(node1, 'acquire-volume');
    // The record goes when the dead-man has decided.
    const armedOn2 = () => onNode(node2, 'ls /var/lib/drover/dead-man');
    expect(await armedOn2()).toBe('writer\n');
    await expect.poll(armedOn2, { timeout: hangsMs, interval: 5_000 }).toBe('');
    console.log(await onNode(node2, "journalctl --no-pager -o cat -u 'drover-dead-man@*'"));
    expect(await containerOn(node2)).toMatch(/ exited$/);
    expect(await onNode(node2, 'docker start drover-writer 2>&1 || true')).toMatch(
      /no such file or directory|bind source path does not exist/,
    );
    await onNode(node2, 'systemctl restart docker');
    await pause(3_000);
    expect(await containerOn(node2)).toMatch(/ exited$/);
    expect(await onNode(node2, 'find /var/lib/drover/volumes -mindepth 2')).toBe('');
    expect([...(await ownersOn(node1)), ...(await ownersOn(node2))]).toEqual([]);
    await applyFinishes(node2, node1);
    expect(await recordsOn(node1)).toBeGreaterThanOrEqual(records);
  });

  it('before the release, and the old node loses its power: it runs there again once the other node was asked', async () => {
    const records = await recordsOn(node1);
    await killedAt(node2, 'send-final');
    for (const undo of [[], ['--undo']]) {
      const words = [join(project, 'lab', 'lab.mjs'), 'break', 'node1', 'power', ...undo];
      const ran = await run(process.execPath, words);
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
    }
    await expect.poll(() => answers(node1), { timeout: hangsMs, interval: 1_000 }).toBe(true);
    const journal = await onNode(node1, "journalctl --no-pager -b -o cat -u 'drover-dead-man@*'");
    console.log(journal);
    expect(journal).toContain('its peers are asked first');
    expect(await ownersOn(node1)).toHaveLength(1);
    await applyFinishes(node1, node2);
    expect(await recordsOn(node2)).toBeGreaterThanOrEqual(records);
  });
});
