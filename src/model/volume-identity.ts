import { type ClusterState, type Container, lastFacts, type NodeFacts, type Volume } from './cluster.ts';
import type { Application, AppName, Config, VolumeId, VolumeMount } from './config.ts';
import { defaultVolumeId } from './names.ts';

/** A volume of a Compose file whose id follows from the file, and where it is mounted. */
interface Wanted {
  readonly id: VolumeId;
  readonly name?: string;
  readonly uses: readonly { readonly app: AppName; readonly mountpoint: string }[];
}

/** What the nodes have, reachable or not. */
interface Seen {
  /** The copies of each volume; without any where only an earlier run saw it. */
  readonly volumes: ReadonlyMap<VolumeId, readonly Volume[]>;
  readonly containers: readonly Container[];
}

/** Ids under which the data of a volume may be. */
type Search = (wanted: Wanted, seen: Seen, missing: readonly Wanted[], config: Config) => readonly VolumeId[];

/** From the surest to the least sure. */
const searches: readonly Search[] = [withItsName, inItsContainer, ofItsMountpoint, ofItsApplication];

/** Ids of a Compose file, each with the id under which the nodes have the volume. */
export type KnownIds = Readonly<Record<VolumeId, VolumeId>>;

/**
 * The volumes of a Compose file that the nodes have under another id. The id that follows from the file counts if any
 * node has it. Otherwise the data may be there under another one: the deployment was renamed, a file of another form
 * described it, or an earlier version of drover made it. Each other id belongs to one volume at most, and what is not
 * certain keeps its own id: the plan then says what it finds (src/plan/volumes/new-volumes.ts). The result depends on
 * the file and the state alone, not on ids that were found before.
 */
export function findKnownIds(config: Config, state: Pick<ClusterState, 'nodes' | 'departed' | 'remembered'>): KnownIds {
  const wanted = config.format === 'compose' ? wantedVolumes(config) : new Map<VolumeId, Wanted>();
  if (wanted.size === 0) return {};
  const seen = everythingSeen(state);
  const found = new Map<VolumeId, VolumeId>();
  const claimed = claimedIds(
    config,
    [...wanted.keys()].filter((id) => seen.volumes.has(id)),
  );
  for (const search of searches) {
    const missing = [...wanted.values()].filter(({ id }) => !seen.volumes.has(id) && !found.has(id));
    if (missing.length === 0) break;
    for (const [id, known] of claimsOf((one) => search(one, seen, missing, config), missing, seen, claimed)) {
      claimed.add(known);
      found.set(id, known);
    }
  }
  return Object.fromEntries(found);
}

/** The configuration with the ids that the nodes know. */
export const withKnownVolumes = (config: Config, state: Parameters<typeof findKnownIds>[1]): Config =>
  withKnownIds(config, findKnownIds(config, state));

function wantedVolumes(config: Config): ReadonlyMap<VolumeId, Wanted> {
  const wanted = new Map<VolumeId, Wanted>();
  for (const { name: app, volumes } of Object.values(config.applications)) {
    for (const volume of volumes) {
      if (volume.hasFixedId === true) continue;
      const { name, mountpoint, idInFile: id = volume.id } = volume;
      const uses = [...(wanted.get(id)?.uses ?? []), { app, mountpoint }];
      wanted.set(id, { id, uses, ...(name === undefined ? {} : { name }) });
    }
  }
  return wanted;
}

function everythingSeen({ nodes, departed = {}, remembered = [] }: Parameters<typeof findKnownIds>[1]): Seen {
  const volumes = new Map<VolumeId, Volume[]>();
  for (const { volume } of remembered) volumes.set(volume, []);
  const known = [...Object.values(nodes).map(lastFacts), ...Object.values(departed)];
  const facts = known.filter((one): one is NodeFacts => one !== undefined);
  for (const one of facts) {
    for (const volume of one.volumes) {
      const copies = volumes.get(volume.id);
      if (copies === undefined) volumes.set(volume.id, [volume]);
      else copies.push(volume);
    }
  }
  return { volumes, containers: facts.flatMap(({ containers }) => containers) };
}

/** Ids that belong to a volume of the files in any case: `known`, and what the files give themselves. */
function claimedIds({ applications, datasets = [] }: Config, known: readonly VolumeId[]): Set<VolumeId> {
  const given = Object.values(applications).flatMap(({ volumes }) => volumes.filter(({ hasFixedId }) => hasFixedId));
  return new Set([...known, ...given.map(({ id }) => id), ...datasets.map(({ id }) => id)]);
}

/** For each missing volume the one id that the search finds, if no other missing volume has the same one. */
function claimsOf(
  search: (wanted: Wanted) => readonly VolumeId[],
  missing: readonly Wanted[],
  { volumes }: Seen,
  claimed: ReadonlySet<VolumeId>,
): readonly (readonly [VolumeId, VolumeId])[] {
  const claims = missing.flatMap((wanted) => {
    const ids = new Set(search(wanted).filter((id) => !claimed.has(id) && mayBe(wanted, volumes.get(id))));
    const [only] = ids;
    return only === undefined || ids.size > 1 ? [] : [[wanted.id, only] as const];
  });
  return claims.filter(([, known]) => claims.filter(([, other]) => other === known).length === 1);
}

/** Some node has it, no file has called it by another name, and it was not retired. */
function mayBe({ name }: Wanted, copies: readonly Volume[] | undefined): boolean {
  if (copies === undefined || copies.some(({ role }) => role === 'retired')) return false;
  return copies.every((copy) => copy.name === undefined || copy.name === name);
}

/** Volumes that a Compose file of this deployment, or of one that described the same application, called so. */
function withItsName({ name, uses }: Wanted, { volumes }: Seen, _missing: unknown, config: Config): VolumeId[] {
  if (name === undefined) return [];
  const isOurs = ({ deployment, application }: Volume): boolean =>
    deployment === config.name ||
    (deployment !== undefined && deployment === config.takesOver) ||
    uses.some(({ app }) => app === application);
  return [...volumes].flatMap(([id, copies]) =>
    copies.some((copy) => copy.name === name && copy.role !== 'retired' && isOurs(copy)) ? [id] : [],
  );
}

/** What its containers have at its mountpoint. */
function inItsContainer({ id, uses }: Wanted, { containers }: Seen): VolumeId[] {
  return containers.flatMap(({ application, otherApplication, spec }) =>
    uses
      .filter(({ app }) => app === (application ?? otherApplication))
      .flatMap(({ mountpoint }) => spec.mounts.filter((mount) => mount.mountpoint === mountpoint))
      .flatMap(({ volume }) => (volume === id ? [] : [volume])),
  );
}

/** Earlier versions, and the other forms of the file, derive the id of a further volume from its mountpoint. */
function ofItsMountpoint({ uses }: Wanted): VolumeId[] {
  return uses.map(({ app, mountpoint }) => defaultVolumeId(`${app}:${mountpoint}`));
}

/** They derive the id of the first volume from the application alone: it is certain if one volume is missing. */
function ofItsApplication({ uses }: Wanted, _seen: Seen, missing: readonly Wanted[]): VolumeId[] {
  return uses.flatMap(({ app }) => {
    const others = missing.filter((wanted) => wanted.uses.some((use) => use.app === app));
    return others.length === 1 ? [defaultVolumeId(app)] : [];
  });
}

/** The configuration with these ids, and with those that follow from the file for all others. The same object if no id changes. */
export function withKnownIds(config: Config, known: KnownIds): Config {
  if (config.format !== 'compose') return config;
  let isSame = true;
  const applications = Object.entries(config.applications).map(([key, app]): readonly [AppName, Application] => {
    const volumes = app.volumes.map((volume): VolumeMount => {
      const { idInFile, ...rest } = volume;
      const own = idInFile ?? volume.id;
      const id = (Object.hasOwn(known, own) ? known[own] : undefined) ?? own;
      if (id === volume.id) return volume;
      return id === own ? { ...rest, id } : { ...rest, id, idInFile: own };
    });
    if (volumes.every((volume, at) => volume === app.volumes[at])) return [key, app];
    isSame = false;
    return [key, { ...app, volumes }];
  });
  return isSame ? config : { ...config, applications: Object.fromEntries(applications) };
}
