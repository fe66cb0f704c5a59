import { randomUUID } from 'node:crypto';
import type { ContainerRuntime } from '../engine/node-client.ts';
import { plainAddress } from '../model/addresses.ts';
import type { BootFacts, Container, Listener, NodeAddress, NodeFacts, PortKey } from '../model/cluster.ts';
import { AppError } from '../model/errors.ts';
import { properties } from '../model/names.ts';
import { isNodeId } from '../model/untrusted.ts';
import { parseBoot } from './boot-rules.ts';
import { withRecord } from './deployment-mark.ts';
import { parseForeignMounts } from './foreign-mounts.ts';
import { listAt, parseJson, textAt, textsAt } from './json.ts';
import { observeScript, sections } from './observe-script.ts';
import { readTable } from './proxy-table.ts';
import type { NodeConnection } from './ssh-connection.ts';
import { parsePool, parseVolumes, volumeColumns } from './zfs-output.ts';
import { exits } from './zfs-scripts.ts';
import { notProvisioned, type ZfsStore } from './zfs-store.ts';

/** What observing one node needs; kept for the life of its connection. */
export interface ObserveDeps {
  readonly connection: NodeConnection;
  readonly store: ZfsStore;
  readonly pool: string;
  readonly meshAddress: string;
  readonly listContainers: (signal: AbortSignal) => Promise<readonly Container[]>;
  readonly imageVolumes: ContainerRuntime['imageVolumes'];
  /** Milliseconds for all of it, 3 min by default: a node that answers each of many questions late would hold up every run. */
  readonly limitMs?: number;
}

const defaultLimitMs = 180_000;

/**
 * Reads a node: one script for ZFS, network and versions, and the containers at the same time. What never changes
 * while a connection lasts (round trip, what zfs can do) is asked once.
 */
export function createObserver(deps: ObserveDeps): (signal: AbortSignal) => Promise<NodeFacts> {
  const { limitMs = defaultLimitMs } = deps;
  let roundTrip: Promise<number> | undefined;
  const observe = async (signal: AbortSignal): Promise<NodeFacts> => {
    roundTrip ??= measureRoundTrip(deps.connection, signal);
    roundTrip.catch(() => {
      roundTrip = undefined;
    });
    const roundTripMs = await roundTrip;
    const [texts, containers, capabilities] = await Promise.all([
      readSections(deps, signal),
      deps.listContainers(signal),
      deps.store.capabilities(signal),
    ]);
    const facts = toFacts(deps, texts, containers);
    const imageVolumes = await deps.imageVolumes(Object.values(facts.images), signal);
    return { ...facts, imageVolumes, capabilities, roundTripMs };
  };
  return async (signal) => {
    const limit = AbortSignal.timeout(limitMs);
    try {
      return await observe(AbortSignal.any([signal, limit]));
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      const message = `cannot observe "${deps.connection.node}": it has not answered all within ${limitMs} ms`;
      throw new AppError('timeout', message, { retryable: true, cause: error });
    }
  };
}

async function measureRoundTrip(connection: NodeConnection, signal: AbortSignal): Promise<number> {
  const begin = performance.now();
  await connection.run(['true'], { signal });
  return Math.round(performance.now() - begin);
}

type Sections = Readonly<Record<(typeof sections)[number], string>>;

async function readSections(deps: ObserveDeps, signal: AbortSignal): Promise<Sections> {
  const { connection, store } = deps;
  // Nothing on the node can know this line in advance, so nothing can print it by chance.
  const separator = `\x1e${randomUUID()}`;
  const args = [store.root, [volumeColumns, properties.node].join(','), separator, deps.pool];
  const { stdout, code } = await connection.script(observeScript, args, { signal, okCodes: [0, exits.noRoot] });
  if (code === exits.noRoot) throw notProvisioned(connection.node, store.root);
  const texts = stdout.split(`${separator}\n`);
  if (texts.length !== sections.length) {
    throw new AppError('command-failed', `cannot observe "${connection.node}": it printed ${texts.length} sections`);
  }
  // Every name gets its text: the lengths were compared.
  return Object.fromEntries(sections.map((name, at) => [name, texts[at]])) as Sections;
}

function toFacts(
  deps: ObserveDeps,
  texts: Sections,
  containers: readonly Container[],
): Omit<NodeFacts, 'capabilities' | 'roundTripMs'> {
  const { node } = deps.connection;
  const nodeId = parseNodeId(texts.datasets, deps.store.root);
  const pool = parsePool(texts.pool);
  if (nodeId === undefined || pool === undefined) throw notProvisioned(node, deps.store.root);
  const [kernel = '', arch = '', zfs = ''] = texts.system.split('\n');
  const boot = bootFacts(deps.connection, texts.boot);
  const foreignMounts = parseForeignMounts(texts.mounts, containers);
  const addresses = parseAddresses(texts.addresses);
  const isOutdated = texts.addresses.endsWith('outdated\n');
  return {
    nodeId,
    meshAddress: deps.meshAddress,
    ...(addresses.length === 0 ? {} : { addresses }),
    containers: withRecord(containers, texts.deployments),
    volumes: parseVolumes(texts.datasets, texts.copies),
    ...(foreignMounts.length === 0 ? {} : { foreignMounts }),
    network: {
      ...readTable(texts.network, [deps.meshAddress]),
      ...(isOutdated ? { isOutdated } : {}),
    },
    listeners: foreignListeners(parseListeners(texts.sockets), containers),
    images: parseImages(texts.images, node),
    pool,
    versions: { ...parseDockerVersion(texts.docker, node), zfs, kernel, arch },
    ...(boot === undefined ? {} : { boot }),
  };
}

/** Its sshd listens for the others where it does for us, or, behind a forwarded port, at the usual one. */
function bootFacts({ remote }: NodeConnection, text: string): BootFacts | undefined {
  const rules = parseBoot(text);
  return rules && { ...rules, sshPorts: [...new Set([remote.port, 22])], hostKeys: remote.hostKeys };
}

/** `drover:node`, set on the root dataset itself by the provisioning. */
export function parseNodeId(getText: string, root: string): string | undefined {
  const line = getText.split('\n').find((row) => row.startsWith(`${root}\t${properties.node}\t`));
  const [, , value, source] = line?.split('\t') ?? [];
  // Other nodes keep it as the owner of what is released to this one.
  return source === 'local' && isNodeId(value) ? value : undefined;
}

/** Listening sockets from `ss -Hltnup`; a line in another form is left out. */
export function parseListeners(text: string): readonly Listener[] {
  return text.split('\n').flatMap((line) => {
    const [, protocol, place = '', rest = ''] = /^(tcp|udp)\s+\S+\s+\d+\s+\d+\s+(\S+)\s+\S+\s*(.*)$/.exec(line) ?? [];
    const [, address = '', port] = /^(.*):(\d+)$/.exec(place) ?? [];
    if (port === undefined || (protocol !== 'tcp' && protocol !== 'udp')) return [];
    const process = /users:\(\("([^"]*)"/.exec(rest)?.[1];
    const plain = address.replace(/^\[(.*)\]/, '$1').replace(/%.*$/, '');
    return [{ port: Number(port), protocol, address: plain, ...(process === undefined ? {} : { process }) }];
  });
}

/** Addresses from `ip -o addr show`; a line in another form is left out. */
export function parseAddresses(text: string): readonly NodeAddress[] {
  return text.split('\n').flatMap((line) => {
    const [, name, address = '', rest = ''] = /^\d+: (\S+)\s+inet6? ([0-9A-Fa-f.:]+)(.*)$/.exec(line) ?? [];
    const plain = plainAddress(address);
    if (name === undefined || plain === undefined) return [];
    const temporary = /\b(?:temporary|deprecated|tentative|dadfailed)\b/.test(rest);
    return [{ interface: name.replace(/@.*$/, ''), address: plain, ...(temporary ? { temporary } : {}) }];
  });
}

/** Docker's own proxy listens for every published port; those of our containers are not somebody else's. */
export function foreignListeners(
  listeners: readonly Listener[],
  containers: readonly Container[],
): readonly Listener[] {
  const ours = new Set(containers.filter((one) => one.managed).flatMap((one) => one.spec.ports.map(published)));
  return listeners.filter((one) => !(one.process === 'docker-proxy' && ours.has(key(one))));
}

const key = ({ port, protocol }: PortKey): string => `${protocol}/${port}`;
const published = ({ external, protocol }: { readonly external: number; readonly protocol: PortKey['protocol'] }) =>
  key({ port: external, protocol });

/** Docker's `/images/json`: id by each tag and digest the image has. */
export function parseImages(json: string, node: string): Readonly<Record<string, string>> {
  const images: Record<string, string> = {};
  for (const image of listAt(readJson(json, node))) {
    const id = textAt(image, 'Id');
    for (const name of [...textsAt(image, 'RepoTags'), ...textsAt(image, 'RepoDigests')]) {
      if (id !== undefined && !name.startsWith('<none>')) images[name] = id;
    }
  }
  return images;
}

function parseDockerVersion(json: string, node: string): { readonly docker: string; readonly dockerApi: string } {
  const version = readJson(json, node);
  return { docker: textAt(version, 'Version') ?? '', dockerApi: textAt(version, 'ApiVersion') ?? '' };
}

function readJson(text: string, node: string): unknown {
  const value = parseJson(text);
  if (value !== undefined) return value;
  throw new AppError('docker-failed', `cannot read what Docker on "${node}" says: it is no JSON`);
}
