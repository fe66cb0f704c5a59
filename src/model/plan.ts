import type { BootRules, ContainerSpec, PortKey, Proxy, ServedPort } from './cluster.ts';
import type { AppName, DeploymentName, ImageRef, NodeName, VolumeId } from './config.ts';

/**
 * Every effect drover can have on a node. Each is idempotent ("make it so") and decided again from what is observed
 * when it runs, so that a run that was cut off anywhere is finished by the next one.
 */
export interface ActionArgs {
  /**
   * Have the image on the node: already there, pulled, or copied from `from` (a node that has it). Fails where the image
   * keeps data in a volume of its own below one of these mountpoints: better before anything stops. With `id` it is the
   * image with this id, the one the application runs with on `from`, whatever the name means on the node or in a registry.
   */
  'pull-image': {
    readonly node: NodeName;
    readonly image: ImageRef;
    readonly from?: NodeName;
    readonly id?: string;
    readonly mountpoints?: readonly string[];
  };
  /** New empty dataset, role owner, epoch 1. */
  'create-volume': {
    readonly node: NodeName;
    readonly app?: AppName;
    readonly volume: VolumeId;
    readonly limitBytes?: number;
  };
  /**
   * Set or lift the dataset's refquota. With `beforeStart` the application is down and waits for it: a volume that is
   * fuller than its limit gets a limit that is as small as can be, and a limit that cannot be set is only printed.
   */
  'resize-volume': {
    readonly node: NodeName;
    readonly volume: VolumeId;
    readonly limitBytes?: number;
    readonly beforeStart?: true;
  };
  /** Send rounds while the application runs, until the predicted delta is small. */
  'sync-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Hold new connections to these ports, on this node, until the network table is replaced or the time is over. */
  'hold-ports': { readonly node: NodeName; readonly ports: readonly PortKey[] };
  /**
   * Stop and remove; the grace is settings.timeouts.stopMs. With `unlessReleased` it is only stopped, and the node
   * starts it again by itself after timeouts.switchMs where drover is gone by then and all these volumes are still
   * the node's own; settling them removes it.
   */
  'stop-container': { readonly node: NodeName; readonly app: AppName; readonly unlessReleased?: readonly VolumeId[] };
  /** Unmount (the proof that nobody writes), role frozen, final snapshot. */
  'freeze-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /** The last delta; afterwards the final snapshot's guid is the newest on both sides. */
  'send-final': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Give ownership up: the point of no return. */
  'release-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Take ownership of what was released to this node, and mount it. */
  'acquire-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /**
   * Undo of a freeze, or of a release to `releasedTo` that was not acquired: owner again with the next epoch, mounted.
   * The node it was released to is part of it: from then on it refuses to acquire.
   */
  'reclaim-volume': { readonly node: NodeName; readonly volume: VolumeId; readonly releasedTo?: NodeName };
  /** Mount an owned volume that is not mounted. */
  'mount-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /** The old copy becomes a replica; op snapshots other than the common base go, and the container that was kept. */
  'settle-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Declared deleted: no longer used by anything, kept on disk. */
  'retire-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /** Create (filling new volumes with the image's content) and start. */
  'start-container': { readonly node: NodeName; readonly spec: ContainerSpec };
  /** Health check where the image has one, else its published TCP ports accept. */
  'check-container': { readonly node: NodeName; readonly app: AppName; readonly ports: readonly PortKey[] };
  /**
   * The node's whole table, replaced at once; holds on `dropHolds` end with it. With `only`, entries for other ports
   * stay as they are when the step runs (`mergeNetwork` in src/plan/steps/network-tables.ts): several applications change
   * their place in this plan, and none waits for another.
   */
  'replace-network': {
    readonly node: NodeName;
    readonly proxies: readonly Proxy[];
    readonly open: readonly ServedPort[];
    readonly peers: readonly string[];
    /** As in `NetworkTable`. */
    readonly listen?: readonly string[];
    readonly dropHolds: readonly PortKey[];
    readonly only?: readonly PortKey[];
  };
  /**
   * The node's containers of these applications and its copies of these volumes belong to the deployment from now on.
   * Nothing is restarted: a container gets its label when it is made again, and until then the node keeps a record.
   */
  'set-deployment': {
    readonly node: NodeName;
    readonly deployment: DeploymentName;
    readonly apps: readonly AppName[];
    readonly volumes: readonly VolumeId[];
  };
  /**
   * Whom the node asks when it boots, with their keys, and what it does without an answer; before that, which other
   * nodes may have copies of its volumes, as far as each still has the epoch that was seen.
   */
  'set-boot-rules': { readonly node: NodeName; readonly rules: BootRules; readonly records?: readonly CopiesOf[] };
}

/** Which nodes may have a copy of a volume: what the record of one copy is to say. */
export interface CopiesOf {
  readonly volume: VolumeId;
  readonly dataset: string;
  /** Of the copy as it was seen; with another one by now it is left alone. */
  readonly epoch: number;
  /** Ids. */
  readonly copies: readonly string[];
  /** The copy had no record, or a void one. */
  readonly isNew: boolean;
}

export type ActionKind = keyof ActionArgs;
export type ActionOf<K extends ActionKind> = { [P in K]: { readonly kind: P } & Readonly<ActionArgs[P]> }[K];
export type Action = ActionOf<ActionKind>;

/** Readable and stable, `sync-volume:ds-pg:node1>node2`; never parsed. */
export type StepId = string;

export interface Step {
  readonly id: StepId;
  readonly action: Action;
  readonly after: readonly StepId[];
  /** Why the step is there, for a person. */
  readonly reason: string;
  /** What belongs together on the screen: an application's name, or `network`. */
  readonly group: string;
}

/** A change that is wanted and cannot be planned safely now. */
export interface Blocker {
  readonly app?: AppName;
  readonly node?: NodeName;
  readonly reason: string;
  readonly hint?: string;
  /** The plan removes so much that a person has to say so; absent: anything else. */
  readonly because?: 'removal';
}

export interface Plan {
  readonly revision: string;
  /** In topological order; the same input prints the same text. */
  readonly steps: readonly Step[];
  readonly blocked: readonly Blocker[];
  /** Seen, left alone, worth a line: foreign containers in the way, replicas of undeclared applications. */
  readonly notes: readonly string[];
  /** Why these may be the wrong files for what runs: a person is asked before all of it is stopped. */
  readonly doubt?: string;
}

/** One application (or bare volume) changing its node. */
export interface PlannedMove {
  readonly app?: AppName;
  readonly volume: VolumeId;
  readonly from: NodeName;
  readonly to: NodeName;
}

/** Filled in by the engine from `zfs send -nvP`; the plan itself stays pure. */
export interface MoveForecast extends PlannedMove {
  /** Everything that still has to cross. */
  readonly totalBytes: number;
  /** What is sent while the application is stopped. */
  readonly finalBytes: number;
  readonly downtimeMs: number;
  /** Between which it will be, where anything is known. */
  readonly rangeMs?: readonly [number, number];
  readonly basis: 'earlier moves' | 'round trips' | 'unknown rate';
}

/** The nodes a step acts on. */
export function nodesOf(action: Action): readonly NodeName[] {
  if (action.kind === 'reclaim-volume' && action.releasedTo !== undefined) return [action.node, action.releasedTo];
  return 'node' in action ? [action.node] : [action.from, action.to];
}

export function assertNever(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}
