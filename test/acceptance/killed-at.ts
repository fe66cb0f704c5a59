import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Folder, labIsThere, node1, node2, onNode, ownersOn, runningOnNode1, startDrover } from './lab.ts';

/** The steps of a move at whose beginning drover is killed: one after which nothing is as it was, or nothing has changed. */
export type Moment =
  | 'sync-volume'
  | 'hold-ports'
  | 'stop-container'
  | 'freeze-volume'
  | 'send-final'
  | 'release-volume'
  | 'acquire-volume'
  | 'start-container'
  | 'check-container'
  | 'replace-network'
  | 'settle-volume';

const application = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8000, external: 8000}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
`;

/** Moves a writer to and fro, with drover killed at each of the moments, and lets the next apply finish the move. */
export function killedAt(moments: readonly Moment[]): void {
  describe.skipIf(!labIsThere)('drover killed in the middle of a move', () => movesKilledAt(moments));
}

function movesKilledAt(moments: readonly Moment[]): void {
  let folder: Folder;
  let [from, to] = [node1, node2];
  let last = 0;

  beforeAll(async () => {
    folder = await runningOnNode1('writer', application);
  });
  afterAll(() => folder.remove());

  async function owners(): Promise<number> {
    return (await ownersOn(node1)).length + (await ownersOn(node2)).length;
  }

  it.each(moments)('at %s: the next apply finishes, with one owner and every record', async (moment) => {
    await folder.deploy({ [from]: [], [to]: ['writer'] });
    const killed = startDrover(['apply'], folder.path, (event, child) => {
      if (event.type === 'step-started' && String(event.step).startsWith(moment)) child.kill('SIGKILL');
    });
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' });
    expect(await owners()).toBeLessThanOrEqual(1);

    const steps: string[] = [];
    const next = startDrover(['apply'], folder.path, (event) => {
      if (event.type === 'step-started') steps.push(String(event.step));
    });
    expect(await next.ended).toMatchObject({ code: 0 });
    console.log(`killed at ${moment}; the next apply did: ${steps.join(', ') || 'nothing'}`);
    expect(await ownersOn(to)).toHaveLength(1);
    expect(await ownersOn(from)).toHaveLength(0);
    expect((await onNode(from, 'docker ps -q --filter name=drover-writer')).trim()).toBe('');
    const verified = await onNode(to, 'docker exec drover-writer /writer -verify /data/log');
    expect(verified).toMatch(/lost=0 doubled=0 bad=0/);
    const records = Number(/records=(\d+)/.exec(verified)?.[1]);
    expect(records).toBeGreaterThanOrEqual(last);
    last = records;
    [from, to] = [to, from];
  });
}
