import type { Volume, VolumeRole } from '../model/cluster.ts';
import type { AppName, DeploymentName, VolumeId } from '../model/config.ts';
import type { CopyRecord } from '../model/copy-record.ts';
import type { Leftovers } from './run/leftovers.ts';

/** One dataset below drover's root as `zfs list -p` and `zfs holds` show it. */
export interface ZfsDataset {
  readonly name: string;
  readonly volume?: VolumeId;
  /** What a Compose file calls the volume. */
  readonly volumeName?: string;
  readonly application?: AppName;
  readonly role?: VolumeRole;
  readonly usedBytes: number;
  readonly referencedBytes: number;
  readonly compressRatio?: number;
  readonly createdAt: number;
  readonly snapshots: readonly ZfsSnapshot[];
}

export interface ZfsSnapshot {
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly usedBytes: number;
  readonly referencedBytes: number;
  /** Tags that keep it from being destroyed. */
  readonly holds: readonly string[];
}

/** A copy of a volume as the caller saw it: a change of ownership counts only for what is still so. */
export type SeenVolume = Pick<Volume, 'id' | 'dataset' | 'role' | 'owner' | 'epoch' | 'deployment'>;

/** As it was seen, and with nothing that is not in its newest snapshot of drover's, which has this guid. */
export interface SeenWhole extends SeenVolume {
  readonly guid: string;
}

/** What a freeze has left. */
export interface Frozen {
  /** Not mounted, with the final snapshot as drover's newest. */
  readonly copy: Volume;
  /** What the final snapshot has more than the snapshot before it; 0 where none had to be taken. */
  readonly finalBytes: number;
}

/** Where a volume is mounted, and whether there is anything in it. */
export interface Mounted {
  readonly directory: string;
  readonly isEmpty: boolean;
}

export interface VolumeProperties {
  readonly name?: string;
  readonly role?: VolumeRole;
  readonly owner?: string;
  readonly epoch?: number;
  readonly application?: AppName;
  readonly deployment?: DeploymentName;
  /** Only to be set: what a retired dataset is called from then on. */
  readonly volume?: VolumeId;
  /** Which other nodes may have a copy. A change of the epoch without it makes the one that is there void. */
  readonly record?: CopyRecord;
}

/** What a new volume begins with, besides its id. */
export interface NewVolume {
  /** What a Compose file calls it. */
  readonly name?: string;
  readonly application?: AppName;
  readonly deployment?: DeploymentName;
  readonly limitBytes?: number;
}

/** OpenZFS. Datasets are named in full; only those below our root are ever written to. */
export interface VolumeStore {
  list(signal: AbortSignal): Promise<readonly Volume[]>;
  /** Full name a new copy of this volume has on this node: the same below the root everywhere. */
  datasetName(volume: VolumeId, app: AppName | undefined): string;
  /** New dataset with its `data` directory, canmount=noauto, mounted, role owner of this node, epoch 1. */
  create(volume: VolumeId, wanted: NewVolume, signal: AbortSignal): Promise<void>;
  /**
   * The same in role incoming, with epoch 0 and without an owner: for data from outside of drover. It is writable, and no
   * plan uses it until `setProperties` makes it the owner's. Completes one that an earlier run has created. Returns its name.
   */
  createIncoming(volume: VolumeId, wanted: NewVolume, signal: AbortSignal): Promise<string>;
  /** The directory that is bound into the container (`<mountpoint>/data`); throws where the dataset is not mounted. */
  directory(dataset: string, signal: AbortSignal): Promise<string>;
  setLimit(dataset: string, limitBytes: number | undefined, signal: AbortSignal): Promise<void>;
  /**
   * One `zfs set` for all given properties (and readonly: off for owner, on for everything else), after re-reading:
   * throws `volume-conflict` where volume, role, owner, epoch or deployment are not as seen any more, and
   * `connection-failed` where the node's lock was taken and has been lost since. Where a guid is given, also where
   * drover's newest snapshot has another one, or something was written after it.
   */
  setProperties(seen: SeenVolume | SeenWhole, next: VolumeProperties, signal: AbortSignal): Promise<void>;
  /** Throws as `setProperties` does where it is not as seen any more. Changes nothing. */
  confirm(seen: SeenVolume, signal: AbortSignal): Promise<void>;
  /**
   * In one command: unmounts it (as `unmount` does: the proof that no process writes), sets role frozen where it was owner,
   * takes a final snapshot where the newest one is not drover's or something was written since, and holds it with the
   * tag. Compares and throws as `setProperties` does, and leaves it mounted then.
   */
  freeze(seen: Volume, tag: string, signal: AbortSignal): Promise<Frozen>;
  /** In one command: `setProperties` to role owner, `mount`, and a look at its directory. */
  acquire(
    seen: SeenWhole,
    next: Pick<VolumeProperties, 'deployment' | 'record'> & { readonly owner: string; readonly epoch: number },
    signal: AbortSignal,
  ): Promise<Mounted>;
  /**
   * Makes copies the owner's without a release, for a failover. First takes the snapshot of each one, where it is missing,
   * and then sets role owner, owner and epoch: where zfs can (2.2), all of it in one transaction for all of them together.
   * Compares and throws as `setProperties` does, before the first change. Mounts nothing.
   */
  takeOver(
    takes: readonly TakeOver[],
    next: { readonly owner: string; readonly deployment: DeploymentName },
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Keeps a copy that does not fit the owner's any more: its dataset gets another name, role retired and an id of its own.
   * With `next`, a new copy begins with one of its snapshots: a clone, promoted, so that it has the snapshots up to that
   * one. Compares and throws as `setProperties` does; after an interruption the same call finishes it. Destroys nothing.
   */
  setAside(seen: SeenVolume, aside: Aside, signal: AbortSignal): Promise<void>;
  mount(dataset: string, signal: AbortSignal): Promise<void>;
  /** Throws `volume-busy` naming the processes that hold it. No-op where it is not mounted. Never forced. */
  unmount(dataset: string, signal: AbortSignal): Promise<void>;
  /** Of one dataset, or of several at one moment: all of them or none; they then have the same `createTxg`. */
  snapshot(dataset: string | readonly string[], name: string, signal: AbortSignal): Promise<void>;
  hold(dataset: string, snapshot: string, tag: string, signal: AbortSignal): Promise<void>;
  bookmark(dataset: string, snapshot: string, bookmark: string, signal: AbortSignal): Promise<void>;
  /**
   * One command for up to 32 of them: marks the base, releases holds with this tag, destroys, in this order. Compares and
   * throws as `setProperties` does, also where the base is gone, is to be destroyed, or a name does not begin with
   * `drover-`. Otherwise it goes on: what is gone already, or stays because a clone needs it, does not count, and each that
   * cannot be released or destroyed, or has another guid now, is named in the result, with the reason.
   */
  tidy(seen: SeenVolume, leftovers: Leftovers, tag: string, signal: AbortSignal): Promise<readonly string[]>;
  /** `zfs send -nvP`: bytes of the stream; undefined where this zfs gives none or an absurd value. */
  estimate(
    dataset: string,
    snapshot: string | undefined,
    base: string | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined>;
  /** `zfs receive -A`: give the partial receive up. */
  abortReceive(dataset: string, signal: AbortSignal): Promise<void>;
  /** What the token stands for (`zfs send -nvt`), or undefined where its snapshot is gone. */
  readToken(token: string, signal: AbortSignal): Promise<ResumeToken | undefined>;
  /** Everything below the root in detail. Slower than `list`, for a person who looks at it. */
  details(signal: AbortSignal): Promise<readonly ZfsDataset[]>;
  /** `zfs clone` to a dataset below the root, read-only, not mounted, without a role. Throws where it exists. */
  clone(dataset: string, snapshot: string, target: string, signal: AbortSignal): Promise<void>;
  /** Throws `command-failed` where this node's zfs cannot do a `swap`; changes nothing. */
  checkSwap(signal: AbortSignal): Promise<void>;
  /**
   * In one transaction group, for all of them together: `target` (a clone) becomes the volume, role owner, the next
   * epoch, with the snapshots up to its origin; the dataset that was seen (frozen, not mounted) becomes a retired
   * dataset with the volume id `retiredAs`. Everything happens, or nothing. Throws as `setProperties` does.
   */
  swap(swaps: readonly VolumeSwap[], signal: AbortSignal): Promise<void>;
}

/** Where a copy is kept that is set aside, and what takes its place. */
export interface Aside {
  /** Full name; it may have it already. */
  readonly dataset: string;
  readonly retiredAs: VolumeId;
  readonly next?: {
    /** Full name of the new copy, and the snapshot that it begins with. */
    readonly dataset: string;
    readonly snapshot: string;
    readonly properties: Omit<VolumeProperties, 'role' | 'record'>;
  };
}

/** A copy as the caller saw it, its next epoch, and the name of the snapshot of what it begins with. */
export interface TakeOver {
  readonly seen: SeenVolume;
  readonly epoch: number;
  readonly snapshot: string;
}

/** A volume as the caller saw it, and the clone that takes its place. */
export interface VolumeSwap {
  readonly seen: SeenVolume;
  readonly target: string;
  readonly retiredAs: VolumeId;
}

/** What a resume token, which the target of a transfer has made, asks of the source. */
export interface ResumeToken {
  readonly toGuid: string;
  /** `dataset@snapshot`. */
  readonly toName: string;
  /** Encrypted data leaves the source as it lies there. */
  readonly isRaw?: true;
  readonly remainingBytes?: number;
}
