import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startClient } from './clients.ts';
import { drover, type Folder, hangsMs, labIsThere, node1, node2, onNode, ownersOn, runningOnNode1 } from './lab.ts';

const application = `version: 1
applications:
  writer:
    image: drover/writer:1
    ports: [{internal: 8000, external: 8000}, {internal: 8001, external: 8001}]
    volume: {mountpoint: /data}
    environment: {RATE: "20"}
`;

/** Moves a writer to and fro while clients open connections to both nodes, and counts what it acknowledged. */
export function movingUnderLoad(moves: number): void {
  describe.skipIf(!labIsThere)('moving a writer under load', () => movesUnderLoad(moves));
}

function movesUnderLoad(moves: number): void {
  let folder: Folder;
  beforeAll(async () => {
    folder = await runningOnNode1('writer', application);
    // Enough that the first copy is worth a connection between the nodes; small deltas go over the open ones.
    await onNode(node1, 'cd /var/lib/drover/volumes/writer-*/data && head -c 8M /dev/urandom > ballast');
  });
  afterAll(() => folder.remove());

  async function acknowledged(node: string): Promise<number> {
    const answer = await fetch(`http://${node}:8000/`, { signal: AbortSignal.timeout(hangsMs) });
    return Number.parseInt(await answer.text(), 10);
  }

  it(`loses and doubles no record in ${moves} moves, and refuses no connection`, {
    timeout: moves * hangsMs,
  }, async () => {
    let [from, to] = [node1, node2];
    let last = 0;
    const seen: string[] = [];
    for (let move = 1; move <= moves; move++) {
      const before = await acknowledged(from);
      expect(before).toBeGreaterThan(last);
      const clients = [startClient(node1, 8001, 20), startClient(node2, 8001, 20)];
      const ran = await drover(['move', 'writer', to], folder.path);
      const reports = await Promise.all(clients.map((client) => client.stop()));
      expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 });
      if (move === 1) expect(ran.stdout).toContain('node to node');
      console.log(ran.stdout.slice(ran.stdout.indexOf('"writer" moved')).trim());
      for (const { answers, ...counts } of reports) {
        seen.push(...answers);
        console.log(`move ${move} to ${to}: ${JSON.stringify({ ...counts, answered: answers.length })}`);
      }
      for (const report of reports) expect(report).toMatchObject({ refused: 0, timedOut: 0 });
      last = await acknowledged(to);
      expect(last).toBeGreaterThanOrEqual(before);
      expect(await ownersOn(to)).toHaveLength(1);
      expect(await ownersOn(from)).toHaveLength(0);
      [from, to] = [to, from];
    }
    // The record behind every answer a client ever got must be there, written by the boot that answered.
    const command = 'docker exec -i drover-writer /writer -verify /data/log -seen /proc/self/fd/0';
    const verified = await onNode(from, command, seen.join(''));
    console.log(`${seen.length} answers; ${verified}`);
    expect(verified).toMatch(/^records=\d+ lost=0 doubled=0 bad=0/);
    expect(Number(/records=(\d+)/.exec(verified)?.[1])).toBeGreaterThanOrEqual(last);
  });
}
