import type { AppName, NodeName } from '../model/config.ts';
import type { MemoryImage } from './memory/types.ts';

/** A simulated cluster: its files, and how its state differs from them. */
export interface Scene {
  readonly application: string;
  readonly deployment: string;
  readonly inventory: string;
  readonly nodes: Readonly<Record<NodeName, SceneNode>>;
  /** What the files do not say: data, running times, faults. */
  readonly apps: Readonly<Record<AppName, SceneApp>>;
  readonly images: Readonly<Record<string, MemoryImage>>;
  readonly roundTripMs: number;
  /** For transfers and pulls. */
  readonly bytesPerSecond: number;
}

export interface SceneNode {
  readonly address: string;
  readonly poolBytes: number;
  /** Foreign containers: image by name. */
  readonly foreign?: Readonly<Record<string, string>>;
}

export interface SceneApp {
  readonly upMs?: number;
  readonly dataBytes?: number;
  /** Nodes with an older copy of its data. */
  readonly replicas?: readonly NodeName[];
  /** The image that it runs, if it has drifted from the declared one. */
  readonly image?: string;
  /** It has exited like this. */
  readonly exit?: { readonly code: number; readonly oomKilled: boolean };
}
