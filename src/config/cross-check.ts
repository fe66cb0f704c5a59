import type { Config, PortMapping, VolumeMount } from '../model/config.ts';
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

const portText = ({ external, protocol }: PortMapping): string => `external port ${external}/${protocol}`;

function checkPortsOnce(draft: Draft): void {
  const seen = new Map<string, Placed<PortMapping>>();
  for (const port of draft.ports) {
    const { value, place } = port;
    const key = `${value.external}/${value.protocol}`;
    const earlier = seen.get(key);
    if (earlier === undefined) seen.set(key, port);
    else if (!isFurtherAddress(value, earlier.value))
      complain(
        place,
        `the ${portText(value)} is used twice: already at ${earlier.place.path}`,
        'choose another external port',
      );
  }
}

/** The same port of the container at another address of the node. */
const isFurtherAddress = (port: PortMapping, earlier: PortMapping): boolean =>
  port.internal === earlier.internal && port.addresses !== undefined && earlier.addresses !== undefined;

/** Every external port is reachable on every node, so it belongs to one application. */
function checkPortsAcross(drafts: readonly Draft[]): void {
  const seen = new Map<string, { readonly app: string; readonly port: Placed<PortMapping> }>();
  for (const draft of drafts) {
    for (const port of draft.ports) {
      const key = `${port.value.external}/${port.value.protocol}`;
      const earlier = seen.get(key);
      if (earlier === undefined) seen.set(key, { app: draft.name, port });
      else if (earlier.app !== draft.name) {
        const other = `${quote(earlier.app)} at ${earlier.port.place.path}`;
        complain(port.place, `the ${portText(port.value)} is used already by ${other}`, 'choose another external port');
      }
    }
  }
}

/** Alias and local port make the variables' names (flocker: ALIAS_PORT_<local>_TCP). */
function checkLinks(draft: Draft): void {
  const seen = new Map<string, Place>();
  for (const { value, place } of draft.links) {
    const name = `${value.alias.toUpperCase().replaceAll('-', '_')}_PORT_${value.localPort}_TCP`;
    const earlier = seen.get(name);
    if (earlier === undefined) seen.set(name, place);
    else
      complain(
        place,
        `two links give the same variables ${name}: the other is ${earlier.path}`,
        'choose another alias',
      );
  }
}

/** One may lie inside another: Docker mounts them in the order of their depth. */
function checkMountpoints({ volumes, binds = [], tmpfs = [], files = [] }: Draft): void {
  const seen = new Map<string, Place>();
  const bound = files.flatMap(({ value: { target, kind }, place }) =>
    kind === 'file' ? [{ value: { mountpoint: target }, place }] : [],
  );
  for (const { value, place } of [...volumes, ...binds, ...tmpfs, ...bound]) {
    const earlier = seen.get(value.mountpoint);
    if (earlier === undefined) seen.set(value.mountpoint, place);
    else
      complain(
        place,
        `the mountpoint ${quote(value.mountpoint)} is used already at ${earlier.path}`,
        'keep one of the two',
      );
  }
}

/** A volume has one writer. */
function checkVolumeIds(drafts: readonly Draft[]): void {
  const seen = new Map<string, { readonly app: string; readonly volume: Placed<VolumeMount> }>();
  for (const { name: app, volumes } of drafts) {
    for (const volume of volumes) {
      const { value, place } = volume;
      const earlier = seen.get(value.id);
      if (earlier === undefined) seen.set(value.id, { app, volume });
      // The same mountpoint in the same application is reported as such.
      else if (earlier.app !== app || earlier.volume.value.mountpoint !== value.mountpoint) {
        const where = earlier.volume.place.path;
        complain(place, `the dataset id ${quote(value.id)} is used already at ${where}`, 'give each volume its own');
      }
    }
  }
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
  const seen = new Map<string, Seat>();
  for (const { name: node, applications } of deployed) {
    for (const { value, place } of applications) {
      const earlier = seen.get(value);
      if (earlier === undefined) {
        seen.set(value, { node, place });
        continue;
      }
      const where = earlier.node === node ? 'on this node' : `on ${quote(earlier.node)}`;
      complain(
        place,
        `the application ${quote(value)} is listed twice: already ${where} at ${earlier.place.path}`,
        'keep one of the two',
      );
    }
  }
  return seen;
}
