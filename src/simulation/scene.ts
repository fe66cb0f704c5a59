import type { AppName, NodeName } from '../model/config.ts';
import type { MemoryImage } from './memory/types.ts';

/** A simulated cluster as a person would describe it: the files, and how things stand beside what they say. */
export interface Scene {
  readonly application: string;
  readonly deployment: string;
  readonly inventory: string;
  readonly nodes: Readonly<Record<NodeName, SceneNode>>;
  /** What runs and has data, beyond "as declared". */
  readonly apps: Readonly<Record<AppName, SceneApp>>;
  readonly images: Readonly<Record<string, MemoryImage>>;
  readonly roundTripMs: number;
  /** Of transfers and pulls. */
  readonly bytesPerSecond: number;
}

export interface SceneNode {
  readonly address: string;
  readonly poolBytes: number;
  /** Containers that are not drover's: name to image. */
  readonly foreign?: Readonly<Record<string, string>>;
}

export interface SceneApp {
  readonly upMs?: number;
  readonly dataBytes?: number;
  /** Nodes that keep an older copy of its data. */
  readonly replicas?: readonly NodeName[];
  /** Image it was started from, where that is not the declared one: drift. */
  readonly image?: string;
  /** It is not running, because it ended like this. */
  readonly exit?: { readonly code: number; readonly oomKilled: boolean };
}
