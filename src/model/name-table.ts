import type { AppName, DeploymentName, ExposedPort } from './config.ts';

/** The mesh ports that drover assigns, both included. */
export const meshPorts = { first: 20_000, last: 29_999 } as const;
/** The network of every application whose file names none. */
export const defaultNetwork = 'default';

/** A port of an application at its virtual address. */
export interface NamedPort extends ExposedPort {
  /**
   * The port at the mesh address of its node, for the other nodes: the external port if the application has one for it
   * there, else one that is assigned.
   */
  readonly meshPort: number;
  /**
   * No file and no image has the port: the program was seen to listen there. In an entry of a table: Docker does not
   * publish it, and the node itself leads the mesh port to its container.
   */
  readonly isLearned?: true;
}

/** The most ports of an application that are learned: a program may open ports without end. */
export const mostLearnedPorts = 16;

/** How a container is reached by name, and where it looks up names itself. Kept in a label of the container. */
export interface ContainerNames {
  /** Virtual address of the application. */
  readonly address: string;
  /**
   * Mesh address of the node. Docker publishes each port at `mesh:meshPort`, unless `ports` of the spec has that already.
   * It publishes none at the virtual address: its port may be one that another container publishes at all addresses.
   */
  readonly mesh: string;
  /** Sorted by port, then protocol; empty: the container can only look up names. */
  readonly ports: readonly NamedPort[];
  /** Networks of the deployment that it is on, sorted. Absent: only `default`. Empty: none at all. */
  readonly networks?: readonly string[];
  /** All its networks are internal: it has no way out of them. */
  readonly isInternal?: true;
  /** Its names besides the application's own, sorted. In the container itself they lead to the container. Absent: none. */
  readonly aliases?: readonly string[];
  /**
   * The name server of the container (Docker's `Dns`). With it the container is on a Docker network of its own set of
   * networks. Absent: it is on Docker's default network and looks up no names of the deployment.
   */
  readonly resolver?: string;
  /** Names that only this container has, with their addresses (`docker create --add-host`). Absent: none. */
  readonly hosts?: Readonly<Record<string, string>>;
}

/** The part of a node's network table for names. All of it is loaded and read back together. */
export interface NameTable {
  /** Networks of virtual addresses, `198.18.0.0/15`. They are local on the node. */
  readonly ranges: readonly string[];
  /** Sorted by deployment, then application. */
  readonly entries: readonly NameEntry[];
  /** Sorted by address. */
  readonly resolvers: readonly Resolver[];
}

/** An application that others reach by name. */
export interface NameEntry {
  readonly deployment: DeploymentName;
  readonly application: AppName;
  /** The same on every node as long as one of them has it. */
  readonly address: string;
  /** Sorted by network. */
  readonly networks: readonly NamesOnNetwork[];
  readonly ports: readonly NamedPort[];
  /**
   * Mesh address of the node that runs it: `address:port` leads to `at:meshPort`. Absent: this node runs it, and the
   * address leads to the container.
   */
  readonly at?: string;
}

export interface NamesOnNetwork {
  readonly network: string;
  /** All that resolve to the application on this network, sorted. */
  readonly names: readonly string[];
}

/**
 * A name server at a virtual address, for the containers of a deployment that are on exactly these networks: it answers
 * the names of the deployment's entries on one of them, and asks other servers about everything else.
 */
export interface Resolver {
  readonly deployment: DeploymentName;
  readonly address: string;
  /** Sorted. */
  readonly networks: readonly string[];
  /** The other servers: addresses that the containers' file gives as `dns`. Absent: those of the node. */
  readonly upstream?: readonly string[];
}

/** New connections to a port wait. */
export interface HeldPort extends ExposedPort {
  /** Only those to this virtual address. Absent: those to the addresses at which the node forwards. */
  readonly address?: string;
}
