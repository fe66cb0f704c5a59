import type { BootRules, ContainerSpec, PortKey, Proxy, ServedPort } from './cluster.ts';
import type { Application, AppName, DeploymentName, ImageRef, NodeName, VolumeId } from './config.ts';
import type { HeldPort, NamedPort, NameTable } from './name-table.ts';
import type { Sharers } from './shared-volumes.ts';
import type { StandbyRules } from './standby/facts.ts';
import type { KnownIds } from './volume-identity.ts';

/**
 * Everything that a step can do on a node. Each action is idempotent and observes the node again when it runs, so the
 * next run finishes an interrupted one.
 */
export interface ActionArgs {
  /**
   * Make sure that the node has the image: pull it, or copy it from `from`, a node that has it. Fails, before anything
   * stops, if the image keeps data in its own volume below one of these mountpoints. With `id` it must be the image
   * with this id, which the application runs with on `from`, even if its name means another one on the node or in the
   * registry. `policy` is the pull policy of the application: with always, a registry is asked even if the node has an
   * image of that name; with never, none is asked.
   */
  'pull-image': {
    readonly node: NodeName;
    readonly image: ImageRef;
    readonly from?: NodeName;
    readonly id?: string;
    readonly policy?: Application['pullPolicy'];
    readonly mountpoints?: readonly string[];
  };
  /** New empty dataset, role owner, epoch 1. */
  'create-volume': {
    readonly node: NodeName;
    readonly app?: AppName;
    readonly volume: VolumeId;
    /** What a Compose file calls it. */
    readonly name?: string;
    readonly limitBytes?: number;
  };
  /**
   * Set or remove the dataset's refquota. With `beforeStart` the stopped application waits for it: a volume that is
   * fuller than its limit gets the smallest possible limit, and a limit that cannot be set is only reported.
   */
  'resize-volume': {
    readonly node: NodeName;
    readonly volume: VolumeId;
    readonly limitBytes?: number;
    readonly beforeStart?: true;
  };
  /** Send rounds while the application runs, until the predicted delta is small. */
  'sync-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Hold new connections to these ports on this node until the network table is replaced or the hold expires. */
  'hold-ports': { readonly node: NodeName; readonly ports: readonly HeldPort[] };
  /**
   * Stop and remove the container within settings.timeouts.stopMs. With `unlessReleased` it is only stopped: if drover
   * is gone, the node starts it again after timeouts.switchMs, provided that it still owns all these volumes. Settling
   * the volumes removes the container.
   */
  'stop-container': {
    readonly node: NodeName;
    readonly app: AppName;
    readonly unlessReleased?: readonly VolumeId[];
    /** Its clients follow it elsewhere already: first the connections that they still have here may end. */
    readonly drains?: true;
  };
  /** Unmount (the proof that no process writes), set the role frozen, take the final snapshot. */
  'freeze-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /** Send the last changes. Afterwards the final snapshot is the newest one on both nodes, by guid. */
  'send-final': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Give up ownership: the point of no return. */
  'release-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Take ownership of a volume that was released to this node, and mount it. */
  'acquire-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /**
   * Undo a freeze, or a release to `releasedTo` that was not acquired: the node becomes the owner again with the next
   * epoch and mounts the volume. The step also makes `releasedTo` refuse to acquire the volume.
   */
  'reclaim-volume': { readonly node: NodeName; readonly volume: VolumeId; readonly releasedTo?: NodeName };
  /** Mount an owned volume that is not mounted. */
  'mount-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /** Turn the old copy into a replica. Removes the kept container and drover's snapshots, except the common base. */
  'settle-volume': { readonly from: NodeName; readonly to: NodeName; readonly volume: VolumeId };
  /** Retire a volume that is declared deleted: nothing uses it any more, and it is kept on disk. */
  'retire-volume': { readonly node: NodeName; readonly volume: VolumeId };
  /**
   * Create (filling new volumes with the image's content) and start, unless the spec has `isDone`. With `asksPorts` no
   * node had the image when the plan was made: first the ports that it exposes are added to `spec.names`. `shared` has
   * the applications whose containers may run on its volumes too; any other one that does makes the step fail.
   */
  'start-container': {
    readonly node: NodeName;
    readonly spec: ContainerSpec;
    readonly asksPorts?: true;
    readonly shared?: Sharers;
  };
  /**
   * Wait for the container's health check if it has one, else until the published TCP ports accept, and those of `named`
   * that accepted before a switch of this run. If it is not known which did, all of `named` get the time of a check, and
   * it is no failure if they do not accept. With `until`, wait until it has exited with code 0, within timeouts.jobMs.
   */
  'check-container': {
    readonly node: NodeName;
    readonly app: AppName;
    readonly ports: readonly PortKey[];
    readonly named?: readonly NamedPort[];
    readonly until?: 'done';
  };
  /**
   * Replace the node's network table in one transaction and end the holds of `dropHolds`. With `only`, the entries for
   * other ports stay as they are (`mergeNetwork` in src/plan/steps/network-tables.ts), so that applications that move
   * in the same plan do not wait for each other.
   */
  'replace-network': {
    readonly node: NodeName;
    readonly proxies: readonly Proxy[];
    readonly open: readonly ServedPort[];
    readonly peers: readonly string[];
    /** As in `NetworkTable`. */
    readonly listen?: readonly string[];
    /** Absent: the node is not set up for names. With `only`, its entries replace those of the same applications. */
    readonly names?: NameTable;
    readonly dropHolds: readonly HeldPort[];
    readonly only?: readonly PortKey[];
  };
  /**
   * Assign the node's containers of these applications and its copies of these volumes to the deployment. Nothing is
   * restarted: the node keeps a record until a container is recreated and gets its label.
   */
  'set-deployment': {
    readonly node: NodeName;
    readonly deployment: DeploymentName;
    readonly apps: readonly AppName[];
    readonly volumes: readonly VolumeId[];
    /** What the Compose file calls those of `volumes` whose copies do not carry that name; absent: none. */
    readonly names?: Readonly<Record<VolumeId, string>>;
  };
  /** Set which volumes the node takes snapshots of, sends to standbys, and receives; and start and stop its timers. */
  'set-standbys': { readonly node: NodeName; readonly rules: StandbyRules };
  /**
   * Set the peers that the node asks when it boots, with their keys, and what it does without an answer. First it
   * writes the records of the nodes that may have copies, for each volume whose epoch has not changed.
   */
  'set-boot-rules': { readonly node: NodeName; readonly rules: BootRules; readonly records?: readonly CopiesOf[] };
}

/** The nodes that may have a copy of a volume: the desired record of one copy. */
export interface CopiesOf {
  readonly volume: VolumeId;
  readonly dataset: string;
  /** The observed epoch. If the copy has another one when the step runs, it is left alone. */
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
  /** Those of `after` that this step waits for and that may fail; absent: none. */
  readonly optional?: readonly StepId[];
  /** Why the plan has the step, for a person. */
  readonly reason: string;
  /** Steps that belong together: an application's name, a volume's id, `network` or `deployment`. */
  readonly group: string;
}

/** Why a desired change cannot be planned safely now. */
export interface Blocker {
  readonly app?: AppName;
  readonly node?: NodeName;
  readonly reason: string;
  readonly hint?: string;
  /** `removal`: the plan removes so much that a person has to confirm it. Absent for all other reasons. */
  readonly because?: 'removal';
}

export interface Plan {
  readonly revision: string;
  /** In topological order; the same input prints the same text. */
  readonly steps: readonly Step[];
  readonly blocked: readonly Blocker[];
  /** What was observed and is left alone, such as volumes of undeclared applications. */
  readonly notes: readonly string[];
  /** Volumes of the files that the nodes have under another id; absent: none. */
  readonly knownIds?: KnownIds;
  /**
   * Why these may be the wrong files for the running applications: a person is asked before all of them are stopped.
   */
  readonly doubt?: string;
}

/** A volume that moves to another node, with its application if it has one. */
export interface PlannedMove {
  readonly app?: AppName;
  readonly volume: VolumeId;
  readonly from: NodeName;
  readonly to: NodeName;
}

/** Filled in by the engine from `zfs send -nvP`; the plan itself stays pure. */
export interface MoveForecast extends PlannedMove {
  /** All bytes that still have to be sent. */
  readonly totalBytes: number;
  /** The bytes that are sent while the application is stopped. */
  readonly finalBytes: number;
  readonly downtimeMs: number;
  /** The bounds of `downtimeMs`; absent if no rate is known. */
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
