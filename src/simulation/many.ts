import type { NodeName } from '../model/config.ts';
import type { Scene, SceneApp, SceneNode } from './scene.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
/** One application in ten has a port, one in four a volume: most containers of a large cluster have neither. */
const [portEvery, volumeEvery] = [10, 4];

/** A cluster of any size, with evenly placed containers and nothing to do: for measurements. */
export function manyScene(nodes: number, containers: number): Scene {
  const names = Array.from({ length: nodes }, (_, at): NodeName => `node${String(at + 1).padStart(3, '0')}`);
  const apps = Array.from({ length: containers }, (_, at) => ({
    name: `app${String(at + 1).padStart(4, '0')}`,
    port: at % portEvery === 0 ? 10_000 + at : undefined,
    hasVolume: at % volumeEvery === 0,
    node: names[at % nodes] ?? '',
  }));
  const application = apps.map(({ name, port, hasVolume }) => {
    const ports = port === undefined ? '' : `\n    ports: [{internal: 80, external: ${port}}]`;
    return `  ${name}:\n    image: acme/${name.slice(-1)}:1${ports}${hasVolume ? '\n    volume: {mountpoint: /data}' : ''}\n`;
  });
  const listOf = (node: NodeName): string => apps.flatMap((app) => (app.node === node ? [app.name] : [])).join(', ');
  const address = (at: number): string => `10.1.${Math.floor(at / 200)}.${(at % 200) + 1}`;
  return {
    application: `version: 1\napplications:\n${application.join('')}`,
    deployment: `version: 1\nnodes:\n${names.map((node) => `  ${node}: [${listOf(node)}]\n`).join('')}`,
    inventory: `version: 1\nnodes:\n${names.map((node, at) => `  ${address(at)}: { name: ${node} }\n`).join('')}`,
    nodes: Object.fromEntries(
      names.map((node, at): [NodeName, SceneNode] => [node, { address: address(at), poolBytes: 512 * GiB }]),
    ),
    apps: Object.fromEntries(
      apps.map(({ name, hasVolume }, at): [string, SceneApp] => [
        name,
        { upMs: (at + 1) * 60_000, ...(hasVolume ? { dataBytes: ((at % 90) + 1) * 8 * MiB } : {}) },
      ]),
    ),
    images: Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`acme/${at}:1`, { sizeBytes: 40 * MiB, acceptsAfterMs: 100 }]),
    ),
    roundTripMs: 5,
    bytesPerSecond: 200 * MiB,
  };
}
