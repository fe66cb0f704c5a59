import { type AppName, type Config, type NodeName, nodeOf, type VolumeId } from './config.ts';

// A volume that several applications have. They are all on the node that owns it, so they move together.

/** Other applications that may have a volume at the same time, by volume; no entry for a volume without any. */
export type Sharers = Readonly<Record<VolumeId, readonly AppName[]>>;

const appsByVolume = new WeakMap<Config, ReadonlyMap<VolumeId, readonly AppName[]>>();

/** The placed applications that have the volume, by name. */
export function appsOnVolume(config: Config, id: VolumeId): readonly AppName[] {
  let found = appsByVolume.get(config);
  if (found === undefined) {
    const byVolume = new Map<VolumeId, AppName[]>();
    for (const name of Object.keys(config.applications).sort()) {
      if (nodeOf(config, name) === undefined) continue;
      const ids = new Set(config.applications[name]?.volumes.map((volume) => volume.id));
      for (const volume of ids) byVolume.set(volume, [...(byVolume.get(volume) ?? []), name]);
    }
    found = byVolume;
    appsByVolume.set(config, found);
  }
  return found.get(id) ?? [];
}

/** The first application by name that has the volume, placed or not. */
export function firstOnVolume({ applications }: Config, id: VolumeId): AppName | undefined {
  const names = Object.keys(applications).filter((name) => applications[name]?.volumes.some((one) => one.id === id));
  return names.sort()[0];
}

/** The other placed applications that have volumes of this one. */
export function sharersOf(config: Config, app: AppName): Sharers {
  const ids = config.applications[app]?.volumes.map(({ id }) => id) ?? [];
  return Object.fromEntries(
    ids.flatMap((id) => {
      const others = appsOnVolume(config, id).filter((other) => other !== app);
      return others.length === 0 ? [] : [[id, others] as const];
    }),
  );
}

/** The application and those that move with it: they share a volume with it, directly or through another one. By name. */
export function movesWith(config: Config, app: AppName): readonly AppName[] {
  const found = new Set([app]);
  for (const name of found) for (const other of Object.values(sharersOf(config, name)).flat()) found.add(other);
  return [...found].sort();
}

/** Where another application that shares a volume with this one is placed, if that is another node. */
export function sharedElsewhere(
  config: Config,
  app: AppName,
): { readonly volume: VolumeId; readonly app: AppName; readonly node: NodeName } | undefined {
  const node = nodeOf(config, app);
  for (const [volume, others] of Object.entries(sharersOf(config, app))) {
    for (const other of others) {
      const at = nodeOf(config, other);
      if (at !== undefined && at !== node) return { volume, app: other, node: at };
    }
  }
  return undefined;
}
