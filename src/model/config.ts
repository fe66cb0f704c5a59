import type { ContainerSettings, RestartPolicy } from './container-fields.ts';
import type { ContainerFile } from './container-file.ts';

/** Key of a node in deployment.yml: an address or a name. One word for one node everywhere in the program. */
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

/** One image, whatever its names mean now. */
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
}

/** Reaches another application's external port through the linking container's own node. TCP, as in Flocker. */
export interface Link {
  readonly alias: string;
  readonly localPort: number;
  readonly remotePort: number;
}

export interface VolumeMount {
  readonly id: VolumeId;
  /** Absolute, normalised path inside the container. */
  readonly mountpoint: string;
  /** Becomes the dataset's `refquota`. */
  readonly maximumSizeBytes?: number;
}

export interface Application extends ContainerSettings {
  readonly name: AppName;
  readonly image: ImageRef;
  /** What the file asks for, where drover.yml's `images` puts `image` in its place. */
  readonly insteadOf?: ImageRef;
  /** Sorted by external port, then protocol. */
  readonly ports: readonly PortMapping[];
  /** In the file's order (Fig links in the order of the target's ports). */
  readonly links: readonly Link[];
  readonly environment: Readonly<Record<string, string>>;
  /** The first one is Flocker's `volume`. */
  readonly volumes: readonly VolumeMount[];
  readonly restartPolicy: RestartPolicy;
  /** The file itself says never: what has ended is not brought back, unlike where it says nothing. */
  readonly staysDown?: true;
  /** Compose `depends_on`: order of starting on one node, nothing more. */
  readonly dependsOn?: readonly AppName[];
  /** Secrets and configs, with their contents; absent for none. */
  readonly files?: readonly ContainerFile[];
  /** The command line holds values of variables: it is shown nowhere. */
  readonly hidesCommand?: true;
}

/** How to reach a node, and what it is called. Everything optional comes from ~/.ssh/config or its default. */
export interface NodeSettings {
  /** Shown beside the key; `deployment.yml` may use it as the key instead. */
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
  /** As in the settings, for this node alone. */
  readonly listen?: readonly string[];
}

/** What neither file says, with its defaults (drover.yml overrides). */
export interface Settings {
  readonly pool: string;
  /** Parent of all volumes, below the pool: `<pool>/<datasetRoot>`. */
  readonly datasetRoot: string;
  readonly timeouts: {
    readonly connectMs: number;
    readonly commandMs: number;
    /** Docker's grace between TERM and KILL. */
    readonly stopMs: number;
    /** From the stop to a running container in its new place; beyond it the application goes back to its old owner. */
    readonly switchMs: number;
    /** How long a started application may take until its ports answer. */
    readonly healthMs: number;
  };
  readonly switch: {
    /** Sync rounds go on while the predicted delta is larger than this… */
    readonly belowBytes: number;
    /** …and at most so many rounds. */
    readonly maxRounds: number;
  };
  readonly transfer: 'auto' | 'direct' | 'relay';
  /**
   * Where ports are published and forwarded: addresses, networks (`10.0.0.0/24`), interfaces, and `mesh`. Absent: they are
   * published at all addresses of their node, and the others forward them at their mesh address.
   */
  readonly listen?: readonly string[];
  readonly boot: {
    /** What a node does with a volume that a node it cannot reach may have taken over while it was off. */
    readonly alone: 'wait' | 'start';
  };
}

export interface Config {
  /** Hash of everything below: equal revisions need no new run. */
  readonly revision: string;
  readonly name: DeploymentName;
  /** No file gives the name: it is that of the folder, and another folder may have the same one. */
  readonly isNamedByFolder?: true;
  /** For this call only: what the files describe is taken over from this deployment. */
  readonly takesOver?: DeploymentName;
  /** For this call only: what carries no deployment and no file describes is removed. */
  readonly removesUnmarked?: true;
  readonly format: 'flocker' | 'fig' | 'compose';
  readonly applications: Readonly<Record<AppName, Application>>;
  /** Every node of deployment.yml, also those with an empty list. Application names sorted. */
  readonly deployment: Readonly<Record<NodeName, readonly AppName[]>>;
  /** Volumes wanted without an application; the planner moves, resizes and retires them like any other. */
  readonly datasets?: readonly PlacedVolume[];
  /** Every node of deployment.yml and drover.yml, under the key used in deployment.yml where it has one. */
  readonly nodes: Readonly<Record<NodeName, NodeSettings>>;
  readonly settings: Settings;
  /** Worth knowing, and no problem: variables that are not set. Absent for none; no part of the revision. */
  readonly notes?: readonly ConfigProblem[];
}

export interface PlacedVolume {
  readonly id: VolumeId;
  readonly node: NodeName;
  readonly maximumSizeBytes?: number;
  /** Retire it: it is kept on disk, and nothing uses it any more. */
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
  /** Only where one other text for one key or value is certain to be meant. */
  readonly fix?: ProblemFix;
}

/** Another text for one key or value of the problem's file. */
export interface ProblemFix {
  /** 1-based; of the first unit of `was`, quotes included. */
  readonly line: number;
  readonly column: number;
  /** In UTF-16 units, as the column; all on this line. */
  readonly length: number;
  /** What stands there; the fix is refused where something else does. */
  readonly was: string;
  readonly replacement: string;
  /** For a person: `write mongodb in place of mongdb`. */
  readonly label: string;
  /** What stands there may be a password, and is not shown. */
  readonly isSecret?: true;
}

export type LoadResult = (
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] }
) & {
  /** Files beside the usual ones that decide the result, also those that do not exist: .env, env files, secrets, configs. */
  readonly sources?: readonly string[];
};

export const defaultSettings: Settings = {
  pool: 'drover',
  datasetRoot: 'volumes',
  timeouts: { connectMs: 15_000, commandMs: 60_000, stopMs: 10_000, switchMs: 120_000, healthMs: 60_000 },
  switch: { belowBytes: 4 * 1024 * 1024, maxRounds: 5 },
  transfer: 'auto',
  boot: { alone: 'wait' },
};

const nodesByApp = new WeakMap<Config['deployment'], ReadonlyMap<AppName, NodeName>>();

/** The node an application is placed on, if any; validation guarantees there is at most one. */
export function nodeOf({ deployment }: Config, app: AppName): NodeName | undefined {
  let byApp = nodesByApp.get(deployment);
  if (byApp === undefined) {
    byApp = new Map(Object.entries(deployment).flatMap(([node, apps]) => apps.map((name) => [name, node] as const)));
    nodesByApp.set(deployment, byApp);
  }
  return byApp.get(app);
}

/** The node with this key, name or host; undefined if there is none, or more than one. */
export function findNode({ nodes }: Config, word: string): NodeName | undefined {
  if (Object.hasOwn(nodes, word)) return word;
  const matches = Object.entries(nodes).filter(([, { name, host }]) => name === word || host === word);
  return matches.length === 1 ? matches[0]?.[0] : undefined;
}
