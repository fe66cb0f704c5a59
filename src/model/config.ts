import { cached } from './collect.ts';
import type { ContainerSettings, RestartPolicy } from './container/fields.ts';
import type { ContainerFile } from './container/file.ts';
import type { NodeMounts } from './container/mounts.ts';
import type { ContainerOptions } from './container/options.ts';
import { defaultNameRange } from './name-range.ts';
import type { Quiesce, Retention, Standby } from './standby/declared.ts';

/** Key of a node in deployment.yml: an address or a name. The program uses this key for the node everywhere. */
export type NodeName = string;
export type AppName = string;
/** Names the deployment that a pair of files describes; what it has on the nodes carries this name. */
export type DeploymentName = string;
/** Identity of a volume across nodes (Flocker's `dataset_id`); kept in the ZFS property `drover:vol`. */
export type VolumeId = string;

export type Protocol = 'tcp' | 'udp';

/** `repository[:tag][@digest]`; the repository may carry a registry host with its own port. */
export interface ImageRef {
  readonly repository: string;
  readonly tag: string;
  readonly digest?: string;
}

/** An image by its id: the same one, even if its name has come to mean another image. */
export interface ImageId {
  readonly id: string;
}

export interface PortMapping {
  /** Port inside the container. */
  readonly internal: number;
  /** Port on every node; unique in a deployment for each protocol. */
  readonly external: number;
  readonly protocol: Protocol;
  /** Addresses of its node at which it is published, sorted; absent: those that `listen` selects, else all. */
  readonly addresses?: readonly string[];
  /** It is published on its own node only: the other nodes do not forward it. */
  readonly isLocal?: true;
}

/** A port inside the container. */
export interface ExposedPort {
  readonly port: number;
  readonly protocol: Protocol;
}

/** A network that an application is on. Applications that share a network reach each other by name. */
export interface NetworkMembership {
  readonly network: string;
  /** Names of the application there besides its own, sorted. */
  readonly aliases: readonly string[];
  /** The network has no way out. */
  readonly isInternal?: true;
}

/** Reaches another application's external port through the linking container's own node. TCP, as in Flocker. */
export interface Link {
  readonly alias: string;
  readonly localPort: number;
  readonly remotePort: number;
}

export interface VolumeMount {
  readonly id: VolumeId;
  /** Its key in a Compose file. */
  readonly name?: string;
  /** The nodes never have it under another id (volume-identity.ts): the file gives the id itself. */
  readonly hasFixedId?: true;
  /** The id that follows from the file, where the nodes have the volume under another one. */
  readonly idInFile?: VolumeId;
  /** Absolute, normalised path inside the container. */
  readonly mountpoint: string;
  /** Becomes the dataset's `refquota`. */
  readonly maximumSizeBytes?: number;
  readonly readOnly?: true;
  /** A new volume stays empty: it does not get what the image has at the mountpoint. */
  readonly noCopy?: true;
  /** Compose's `external`: it is never created. */
  readonly mustExist?: true;
  /** Snapshots that its node takes on a schedule; absent: none. */
  readonly snapshots?: Retention;
  readonly quiesce?: Quiesce;
}

/**
 * What a dependency must have reached. `started`: it runs. `healthy`: its health check has succeeded; without one, its
 * ports answer. `done`: it has exited with code 0.
 */
export type Milestone = 'started' | 'healthy' | 'done';

/** An application that another one needs before it starts. */
export interface Dependency {
  readonly app: AppName;
  readonly until: Milestone;
  /** The other one starts too if this one is missing or fails. */
  readonly isOptional?: true;
  /** The other one restarts if this one is replaced. */
  readonly restarts?: true;
}

/** A program that runs in the container of an application. */
export interface Hook {
  readonly command: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly privileged?: true;
  readonly environment?: Readonly<Record<string, string>>;
}

/** `postStart` run after each start by drover, `preStop` before each stop, one after the other. */
export interface Hooks {
  readonly postStart?: readonly Hook[];
  readonly preStop?: readonly Hook[];
}

export interface Application extends ContainerSettings, NodeMounts {
  readonly name: AppName;
  readonly image: ImageRef;
  /** The image in the file, if `images` in drover.yml replaces it with `image`. */
  readonly insteadOf?: ImageRef;
  /** Sorted by external port, then protocol. */
  readonly ports: readonly PortMapping[];
  /** Ports inside the container that others reach only by name, sorted; absent: none besides the image's own. */
  readonly exposes?: readonly ExposedPort[];
  /** Sorted by network. Absent: the network `default`, under its own name. Empty: none at all. */
  readonly networks?: readonly NetworkMembership[];
  /** Names of other applications that only this one uses: application by name. Absent: none. */
  readonly nicknames?: Readonly<Record<string, AppName>>;
  /** In the file's order (Fig links in the order of the target's ports). */
  readonly links: readonly Link[];
  readonly environment: Readonly<Record<string, string>>;
  /** The first one is Flocker's `volume`. */
  readonly volumes: readonly VolumeMount[];
  readonly restartPolicy: RestartPolicy;
  /** The file explicitly says `never`: the container is not restarted after an exit. */
  readonly staysDown?: true;
  /** Compose `depends_on`, in the file's order. */
  readonly dependsOn?: readonly Dependency[];
  /**
   * Its work may end: with exit code 0 it is done, which is not a fault, and it is not started again until its
   * definition or its image changes. `job`: others wait until it is done. `alone`: no other application waits, so it may
   * also be a program that was stopped from outside; after a boot of its node it starts again.
   */
  readonly mayEnd?: 'job' | 'alone';
  /** Programs that run in its container. */
  readonly hooks?: Hooks;
  /** Secrets and configs, with their contents; absent for none. */
  readonly files?: readonly ContainerFile[];
  /** The command line contains values of variables and is never shown. */
  readonly hidesCommand?: true;
  /**
   * always: a new container gets the image that the registry has then. never: the image is never taken from a registry.
   * Absent: it is pulled where a node does not have it.
   */
  readonly pullPolicy?: 'always' | 'never';
  /** More settings of its container; absent for none. */
  readonly options?: ContainerOptions;
}

/** How to reach a node, and what it is called. Everything optional comes from ~/.ssh/config or its default. */
export interface NodeSettings {
  /** Shown next to the key; `deployment.yml` may use it as the key instead. */
  readonly name?: string;
  /** Address or host alias given to SSH; default: the key itself. */
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly identityFile?: string;
  readonly knownHostsFile?: string;
  /** ssh_config to read instead of the user's own. */
  readonly sshConfigFile?: string;
  /** `[user@]host[:port]`, as ssh's ProxyJump. */
  readonly jump?: string;
  /** Address at which the other nodes and links reach this node; default: the node's address. */
  readonly mesh?: string;
  /** Like `Settings.listen`, for this node only. */
  readonly listen?: readonly string[];
  /** Command for a shell on drover's machine. It cuts the node off, and exits with 0 when the node is off. */
  readonly fence?: string;
}

/** Settings of the cluster: defaults, overridden by drover.yml. */
export interface Settings {
  readonly pool: string;
  /** Parent of all volumes, below the pool: `<pool>/<datasetRoot>`. */
  readonly datasetRoot: string;
  readonly timeouts: {
    readonly connectMs: number;
    readonly commandMs: number;
    /** Docker's grace between TERM and KILL. */
    readonly stopMs: number;
    /** From the stop to a running container on the new node; after it, the application starts again on its old node. */
    readonly switchMs: number;
    /** How long a started application may take until its ports answer. */
    readonly healthMs: number;
    /** How long a job that other applications wait for may take. */
    readonly jobMs: number;
  };
  readonly switch: {
    /** Sync rounds are repeated while the predicted delta is larger than this… */
    readonly belowBytes: number;
    /** …but at most this many times. */
    readonly maxRounds: number;
  };
  readonly transfer: 'auto' | 'direct' | 'relay';
  /**
   * Where ports are published and forwarded: addresses, networks (`10.0.0.0/24`), interfaces, and `mesh`. Absent: a
   * node publishes its ports at all its addresses, and the other nodes forward them at their mesh address.
   */
  readonly listen?: readonly string[];
  /** Network of the virtual addresses of applications, `198.18.0.0/15`; absent: no names. */
  readonly nameRange?: string;
  readonly boot: {
    /** What a node does at boot with a volume that an unreachable node may have taken over. */
    readonly alone: 'wait' | 'start';
  };
}

export interface Config {
  /** Hash of everything below: equal revisions need no new run. */
  readonly revision: string;
  readonly name: DeploymentName;
  /** No file sets the name: it is the folder's name, and another folder may have the same one. */
  readonly isNamedByFolder?: true;
  /** For this call only: take over what the files describe from this deployment. */
  readonly takesOver?: DeploymentName;
  /** For this call only: remove containers without a deployment that no file describes. */
  readonly removesUnmarked?: true;
  readonly format: 'flocker' | 'fig' | 'compose';
  readonly applications: Readonly<Record<AppName, Application>>;
  /** Every node of deployment.yml, also those with an empty list. Application names sorted. */
  readonly deployment: Readonly<Record<NodeName, readonly AppName[]>>;
  /** The declared standbys of applications with volumes; absent: none. */
  readonly standbys?: Readonly<Record<AppName, Standby>>;
  /** Volumes without an application; the plan moves, resizes and retires them like any other. */
  readonly datasets?: readonly PlacedVolume[];
  /** Every node of deployment.yml and drover.yml, under the key used in deployment.yml where it has one. */
  readonly nodes: Readonly<Record<NodeName, NodeSettings>>;
  readonly settings: Settings;
  /** Warnings, such as variables that are not set; absent for none. Not part of the revision. */
  readonly notes?: readonly ConfigProblem[];
}

export interface PlacedVolume {
  readonly id: VolumeId;
  readonly node: NodeName;
  readonly maximumSizeBytes?: number;
  /** Retire it: nothing uses it any more, and it is kept on disk. */
  readonly deleted?: boolean;
}

export interface ConfigProblem {
  readonly file: string;
  /** 1-based; absent where no position makes sense (a missing file). */
  readonly line?: number;
  readonly column?: number;
  /** Where in the tree, `/`-separated: `applications/web/ports/0/external`. */
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
  /** The lines around the place with a caret, no colours. */
  readonly frame?: string;
  /** Only if it is certain which other text for one key or value is meant. */
  readonly fix?: ProblemFix;
  /** The same problem in other places of the file. */
  readonly also?: readonly Pick<ConfigProblem, 'line' | 'column' | 'path'>[];
}

/** A replacement for one key or value in the problem's file. */
export interface ProblemFix {
  /** 1-based position of the first unit of `was`, quotes included. */
  readonly line: number;
  readonly column: number;
  /** In UTF-16 units, like the column; all on this line. */
  readonly length: number;
  /** The present text; the fix is refused if the file has another one there. */
  readonly was: string;
  readonly replacement: string;
  /** For a person: `write mongodb in place of mongdb`. */
  readonly label: string;
  /** The present text may be a password and is not shown. */
  readonly isSecret?: true;
}

export type LoadResult = (
  | {
      readonly ok: true;
      readonly config: Config;
      /** The values of the application file, merged and with its variables replaced, where the caller asked for them. */
      readonly tree?: unknown;
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
) & {
  /** Further files that the result depends on, even if they do not exist: .env, env files, secrets, configs. */
  readonly sources?: readonly string[];
};

export const defaultSettings: Settings = {
  pool: 'drover',
  datasetRoot: 'volumes',
  timeouts: {
    connectMs: 15_000,
    commandMs: 60_000,
    stopMs: 10_000,
    switchMs: 120_000,
    healthMs: 60_000,
    jobMs: 600_000,
  },
  switch: { belowBytes: 4 * 1024 * 1024, maxRounds: 5 },
  transfer: 'auto',
  nameRange: defaultNameRange,
  boot: { alone: 'wait' },
};

const nodesByApp = cached(
  (deployment: Config['deployment']): ReadonlyMap<AppName, NodeName> =>
    new Map(Object.entries(deployment).flatMap(([node, apps]) => apps.map((name) => [name, node] as const))),
);

/** The node an application is placed on, if any; validation guarantees there is at most one. */
export const nodeOf = ({ deployment }: Config, app: AppName): NodeName | undefined => nodesByApp(deployment).get(app);

/** The node with this key, name or host; undefined if there is none, or more than one. */
export function findNode({ nodes }: Config, word: string): NodeName | undefined {
  if (Object.hasOwn(nodes, word)) return word;
  const matches = Object.entries(nodes).filter(([, { name, host }]) => name === word || host === word);
  return matches.length === 1 ? matches[0]?.[0] : undefined;
}
