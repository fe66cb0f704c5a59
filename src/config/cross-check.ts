import type { Config, Link, PortMapping } from '../model/config.ts';
import type { DeployedNode } from './deployment-file.ts';
import type { Draft } from './draft.ts';
import { complain, type Place, type Placed } from './fields.ts';
import { quote } from './yaml/yaml-node.ts';

/** What can only be judged with several values in view; each function reports where the second of two stands. */
export function crossCheck(
  drafts: readonly Draft[],
  deployed: readonly DeployedNode[],
  format: Config['format'] | undefined,
): void {
  for (const draft of drafts) {
    checkPortsOnce(draft);
    checkLinks(draft);
    checkMountpoints(draft);
  }
  // In Compose several services may have a volume.
  if (format !== 'compose') checkVolumeIds(drafts);
  const placed = checkPlacedOnce(deployed);
  const running = drafts.filter((draft) => placed.has(draft.name));
  checkPortsAcross(running);
  checkSharedTogether(running, placed);
  for (const draft of running) checkDependenciesPlaced(draft, placed);
}

/** What an application needs must run somewhere. */
function checkDependenciesPlaced({ name, dependsOn = [] }: Draft, placed: ReadonlyMap<string, Seat>): void {
  for (const { value, place } of dependsOn) {
    if (value.isOptional === true || placed.has(value.app)) continue;
    complain(
      place,
      `${quote(name)} depends on ${quote(value.app)}, which deployment.yml places on no node`,
      `add ${quote(value.app)} to a node in deployment.yml, or give the dependency "required: false"`,
    );
  }
}

/** Calls back for each item whose key an earlier item has, with the first of those; returns the first of each key. */
function eachRepeated<T>(
  items: Iterable<T>,
  keyOf: (item: T) => string,
  repeated: (item: T, first: T) => void,
): ReadonlyMap<string, T> {
  const seen = new Map<string, T>();
  for (const item of items) {
    const key = keyOf(item);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, item);
    else repeated(item, first);
  }
  return seen;
}

const portKey = ({ external, protocol }: PortMapping): string => `${external}/${protocol}`;
const portText = (port: PortMapping): string => `external port ${portKey(port)}`;

function checkPortsOnce({ ports }: Draft): void {
  const keyOf = ({ value }: Placed<PortMapping>): string => portKey(value);
  eachRepeated(ports, keyOf, ({ value, place }, { value: earlier, place: { path } }) => {
    if (isFurtherAddress(value, earlier)) return;
    complain(place, `the ${portText(value)} is used twice: already at ${path}`, 'choose another external port');
  });
}

/** The same port of the container at another address of the node. */
const isFurtherAddress = (port: PortMapping, earlier: PortMapping): boolean =>
  port.internal === earlier.internal && port.addresses !== undefined && earlier.addresses !== undefined;

/** Every external port is reachable on every node, so it belongs to one application. */
function checkPortsAcross(drafts: readonly Draft[]): void {
  const ports = drafts.flatMap(({ name, ports: own }) => own.map((port) => ({ app: name, ...port })));
  eachRepeated(
    ports,
    ({ value }) => portKey(value),
    ({ app, value, place }, first) => {
      if (first.app === app) return;
      const other = `${quote(first.app)} at ${first.place.path}`;
      complain(place, `the ${portText(value)} is used already by ${other}`, 'choose another external port');
    },
  );
}

/** Alias and local port make the variables' names (flocker: ALIAS_PORT_<local>_TCP). */
function checkLinks({ links }: Draft): void {
  const nameOf = ({ value: { alias, localPort } }: Placed<Link>): string =>
    `${alias.toUpperCase().replaceAll('-', '_')}_PORT_${localPort}_TCP`;
  eachRepeated(links, nameOf, (link, { place: { path } }) => {
    const what = `two links give the same variables ${nameOf(link)}`;
    complain(link.place, `${what}: the other is ${path}`, 'choose another alias');
  });
}

/** One may lie inside another: Docker mounts them in the order of their depth. */
function checkMountpoints({ volumes, binds = [], tmpfs = [], files = [] }: Draft): void {
  const bound = files.flatMap(({ value: { target, kind }, place }) =>
    kind === 'file' ? [{ value: { mountpoint: target }, place }] : [],
  );
  eachRepeated<Placed<{ readonly mountpoint: string }>>(
    [...volumes, ...binds, ...tmpfs, ...bound],
    ({ value }) => value.mountpoint,
    ({ value, place }, { place: { path } }) => {
      complain(place, `the mountpoint ${quote(value.mountpoint)} is used already at ${path}`, 'keep one of the two');
    },
  );
}

/** A volume has one writer. */
function checkVolumeIds(drafts: readonly Draft[]): void {
  const all = drafts.flatMap(({ name, volumes }) => volumes.map((volume) => ({ app: name, ...volume })));
  eachRepeated(
    all,
    ({ value }) => value.id,
    ({ app, value, place }, first) => {
      // The same mountpoint in the same application is reported as such.
      if (first.app === app && first.value.mountpoint === value.mountpoint) return;
      const where = first.place.path;
      complain(place, `the dataset id ${quote(value.id)} is used already at ${where}`, 'give each volume its own');
    },
  );
}

/** One node owns a volume. */
function checkSharedTogether(drafts: readonly Draft[], placed: ReadonlyMap<string, Seat>): void {
  const first = new Map<string, string>();
  const reported = new Set<string>();
  for (const { name: app, volumes } of drafts) {
    for (const { value } of volumes) {
      const other = first.get(value.id);
      if (other === undefined) first.set(value.id, app);
      const [own, its] = [placed.get(app), placed.get(other ?? '')];
      if (other === undefined || own === undefined || its === undefined || own.node === its.node) continue;
      if (reported.has(app)) continue;
      reported.add(app);
      const what = `${quote(app)} shares its volume at ${value.mountpoint} with ${quote(other)}`;
      complain(own.place, `${what}, which is on ${quote(its.node)}`, 'place both on one node: a volume is on one');
    }
  }
}

interface Seat {
  readonly node: string;
  readonly place: Place;
}

/** Where every application is placed. */
function checkPlacedOnce(deployed: readonly DeployedNode[]): ReadonlyMap<string, Seat> {
  return eachRepeated(
    deployed.flatMap(({ name: node, applications }) => applications.map((app) => ({ node, ...app }))),
    ({ value }) => value,
    ({ node, value, place }, first) => {
      const where = `${first.node === node ? 'on this node' : `on ${quote(first.node)}`} at ${first.place.path}`;
      complain(place, `the application ${quote(value)} is listed twice: already ${where}`, 'keep one of the two');
    },
  );
}
