/** A file or folder of the node in a container: it does not move with the application. */
export interface NodeBind {
  /** Absolute, normalised path on the node. */
  readonly source: string;
  readonly mountpoint: string;
  readonly readOnly?: true;
  /** How mounts below it pass between the node and the container; absent: not at all. */
  readonly propagation?: Propagation;
  /** Where the node has nothing there, a folder is created. Never read back from a node. */
  readonly createsSource?: true;
}

export const propagations = ['private', 'rshared', 'shared', 'rslave', 'slave'] as const;
export type Propagation = (typeof propagations)[number];

/** What a container mounts besides its volumes. */
export interface NodeMounts {
  readonly binds?: readonly NodeBind[];
  /** Folders in memory: Docker's options (`size=65536,mode=1777`) by path. */
  readonly tmpfs?: Readonly<Record<string, string>>;
}

/** Every path at which it mounts something that is not a volume. */
export const nodeMountpoints = ({ binds = [], tmpfs = {} }: NodeMounts): readonly string[] => [
  ...binds.map(({ mountpoint }) => mountpoint),
  ...Object.keys(tmpfs),
];

/** What it mounts from the node, in words that show every setting, by mountpoint. */
export function nodeMountTexts({ binds = [], tmpfs = {} }: NodeMounts): ReadonlyMap<string, string> {
  const bindTexts = binds.map(({ source, mountpoint, readOnly, propagation }) => {
    const options = [...(readOnly === true ? ['read-only'] : []), ...(propagation === undefined ? [] : [propagation])];
    return [mountpoint, `${source} of the node${options.length === 0 ? '' : ` (${options.join(', ')})`}`] as const;
  });
  const inMemory = Object.entries(tmpfs).map(
    ([path, options]) => [path, `a folder in memory${options === '' ? '' : ` (${options})`}`] as const,
  );
  return new Map([...bindTexts, ...inMemory]);
}
