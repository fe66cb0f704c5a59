import { describe, expect, it } from 'vitest';
import { withCommandLog } from '../../../src/node/command-log.ts';
import { createMemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import { aConfig, aMount, anApplication, tcp } from '../../builders.ts';
import { createScene, movingScene, pgOn, signal, threeNodes } from '../../fakes/scene.ts';

describe('the command log', () => {
  it('reports each change of a move as a line, in order, and nothing that only reads', async () => {
    const lines: string[] = [];
    const scene = await movingScene();
    const engine = await scene.restart({
      openCluster: () => withCommandLog(scene.cluster.session(), (node, text) => void lines.push(`${node}: ${text}`)),
    });
    await engine.converge(signal);
    const without = lines.map((line) => line.replaceAll(/ds-pg|pg-[0-9a-f]{8}/g, 'PG'));
    expect(without).toContain('n1: docker stop --time 10 drover-pg');
    expect(without).toContain('n1: zfs unmount drover/volumes/PG');
    expect(without).toContain('n2: docker start drover-pg');
    expect(without).toContain('n2: zfs mount drover/volumes/PG');
    expect(without.filter((line) => line.includes('zfs send'))[0]).toMatch(
      /^n1: zfs send drover\/volumes\/PG@drover-e1-1 \| ssh n2 zfs receive -s -u drover\/volumes\/PG$/,
    );
    expect(without.indexOf('n1: docker stop --time 10 drover-pg')).toBeLessThan(
      without.indexOf('n1: zfs unmount drover/volumes/PG'),
    );
    expect(lines.filter((line) => /list|inspect|get /.test(line))).toEqual([]);
    expect(lines.length).toBeGreaterThanOrEqual(scene.cluster.writes() / 4);
  });

  it('leaves the environment out', async () => {
    const lines: string[] = [];
    const cluster = createMemoryCluster({ nodes: { n1: {} } });
    const app = anApplication('web', {
      environment: { PASSWORD: 'hunter2' },
      ports: [tcp(80)],
      volumes: [aMount('v')],
    });
    const config = aConfig([app], { n1: ['web'] });
    const scene = createScene({
      seed: threeNodes,
      config,
      deps: { openCluster: () => withCommandLog(cluster.session(), (_, text) => void lines.push(text)) },
    });
    expect(await scene.engine.converge(signal)).toMatchObject({ result: 'converged' });
    expect(lines.join('\n')).not.toContain('hunter2');
    expect(lines.find((text) => text.startsWith('docker create'))).toMatch(
      /^docker create --name drover-web -p 80:80\/tcp -v \S+:\/v --restart no acme\/web:1$/,
    );
  });

  it('takes as many arguments as the node does, so that none is lost on the way', async () => {
    const session = createMemoryCluster({ nodes: { n1: {} } });
    const plain = await session.node('n1', signal);
    const logged = await withCommandLog(session, () => undefined).node('n1', signal);
    const parts = ['containers', 'volumes', 'network', 'deadMan'] as const;
    const argumentsOf = (part: object): Record<string, number> =>
      Object.fromEntries(
        Object.entries(part).map(([name, method]) => [name, typeof method === 'function' ? method.length : 0]),
      );
    for (const part of parts) expect(argumentsOf(logged[part])).toEqual(argumentsOf(plain[part]));
  });

  it('gives the same client for the same node, and reaches the view', async () => {
    const cluster = withCommandLog(createMemoryCluster({ nodes: { n1: {} } }), () => undefined);
    expect(await cluster.node('n1', signal)).toBe(await cluster.node('n1', signal));
    const scene = createScene({
      seed: threeNodes,
      config: pgOn('n1'),
      deps: { openCluster: (_, onCommand) => withCommandLog(scene.cluster.session(), onCommand) },
    });
    await scene.engine.converge(signal);
    const { commands } = scene.engine.store.getSnapshot();
    expect(commands.map(({ text }) => text)).toContain('docker start drover-pg');
    expect(scene.events.find(({ type }) => type === 'command')).toMatchObject({
      run: 1,
      node: expect.stringMatching(/^n/),
    });
  });
});
