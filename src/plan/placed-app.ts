import type { Container, NodeFacts } from '../model/cluster.ts';
import type { Application, NodeName } from '../model/config.ts';
import { printImage } from '../model/names.ts';
import { containersOf, type PlanInput, type SeenContainer } from './plan-input.ts';

/** An application, the node that the files place it on, and its containers on all reachable nodes. */
export interface PlacedApp {
  readonly app: Application;
  readonly node: NodeName;
  /** What was observed on the node; undefined if it cannot be reached. */
  readonly facts: NodeFacts | undefined;
  readonly own: readonly SeenContainer[];
  /** Its container on the node. */
  readonly here: Container | undefined;
  /** Its containers on other nodes. */
  readonly elsewhere: readonly SeenContainer[];
  /** The image that the files name, as text. */
  readonly image: string;
  /** The id of the image with this name on the node; undefined if the node has none. */
  readonly imageId: string | undefined;
}

export function placedApp(input: PlanInput, app: Application, node: NodeName): PlacedApp {
  const facts = input.reachable.get(node);
  const own = containersOf(input, app.name);
  const here = own.find((seen) => seen.node === node)?.container;
  const name = printImage(app.image);
  // The container's own string if it is equal: Node.js has already computed its hash.
  const image = here?.spec.image === name ? here.spec.image : name;
  return {
    app,
    node,
    facts,
    own,
    here,
    elsewhere: own.filter((seen) => seen.node !== node),
    image,
    imageId: facts?.images[image],
  };
}
