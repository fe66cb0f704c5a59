import { randomUUID } from 'node:crypto';
import { plainAddress } from '../model/addresses.ts';
import type {
  BootFacts,
  Container,
  DockerVolume,
  ForeignMount,
  Listener,
  NodeAddress,
  NodeFacts,
  PortKey,
} from '../model/cluster.ts';
import { defined } from '../model/defined.ts';
import { AppError } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import type { ContainerNames } from '../model/name-table.ts';
import { properties } from '../model/names.ts';
import { isNodeId } from '../model/untrusted.ts';
import { parseBoot, readBootCommand } from './boot-rules.ts';
import { socketsProgram, withSockets } from './container-sockets.ts';
import { readRecordCommand, withRecord } from './deployment-record.ts';
import type { DockerVersion } from './docker/api.ts';
import type { DockerRuntime } from './docker/runtime.ts';
import { netUpMark, netUpPath } from './network/net-up.ts';
import { readTableCommand } from './network/proxy-scripts.ts';
import { readTable } from './network/proxy-table.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { parseStandby, readStandbyCommand } from './standby.ts';
import { parseCapabilities, parsePool, parseVolumes, volumeColumns } from './zfs/output.ts';
import { exits, listCommands, poolCommand, prelude, systemCommand } from './zfs/scripts.ts';
import { notProvisioned, type ZfsStore } from './zfs/store.ts';

/**
 * ROOT: finds mounts of datasets below the root, in other mount namespaces, that an unmount in this one does not reach.
 * It reaches a mount whose parent is shared with this namespace or follows it (the optional fields of mountinfo), as in
 * the namespaces that systemd makes. Prints `DATASET TAB PID TAB CONTAINER-ID TAB COMMAND`, the id `-` without a container.
 */
const foreignMountsProgram = `
my $root = shift; my (%seen, $own); $own = readlink "/proc/self/ns/mnt"; alarm 10;
for my $p (glob "/proc/[0-9]*") {
  my $ns = readlink "$p/ns/mnt"; next if !defined $ns || $ns eq $own || $seen{$ns};
  open my $mounts, "<", "$p/mountinfo" or next;
  my (%follows, %held, $lines);
  while (<$mounts>) {
    my ($id, $above, $fields, $ds) = /^(\\d+) (\\d+) \\S+ \\S+ \\S+ \\S+ (.*?)- (?:zfs (\\S+) )?/ or next;
    $lines++; $follows{$id} = 1 if $fields =~ /\\b(?:shared|master):/;
    $held{$ds} = $above if defined $ds && index($ds, "$root/") == 0;
  }
  next unless $lines; $seen{$ns} = 1;
  for my $ds (grep { !$follows{$held{$_}} } sort keys %held) {
    open my $comm, "<", "$p/comm"; my $name = <$comm> // "?"; chomp $name;
    open my $groups, "<", "$p/cgroup"; my ($container) = join("", <$groups>) =~ /([0-9a-f]{64})/;
    printf "%s\\t%s\\t%s\\t%s\\n", $ds, substr($p, 6), $container // "-", $name;
  }
}
`;

/** The order of the sections that `observeScript` prints. */
export const sections = [
  'datasets',
  'copies',
  'mounts',
  'pool',
  'network',
  'sockets',
  'system',
  'boot',
  'standby',
  'deployments',
  'addresses',
  'times',
] as const;

/** ROOT COLUMNS SEPARATOR POOL: prints all about a node that Docker does not know. Changes nothing. */
export const observeScript = `${prelude}
began=\${EPOCHREALTIME-}
root=$1 columns=$2 separator=$3 pool=$4
next() { printf '%s\\n' "$separator"; }
${listCommands}
# A mount that this does not find is found by the unmount.
next; perl -e '${foreignMountsProgram}${socketsProgram}' "$root" || true
next; ${poolCommand}
next; { ${readTableCommand}; } || exit 1
# -H no header, listening sockets of tcp and udp, numbers, with their processes
next; ss -Hltnup || exit 1
next; ${systemCommand}
next; ${readBootCommand}
next; ${readStandbyCommand}
next; ${readRecordCommand} || exit 1
next; ip -o addr show; [ -f ${netUpPath} ] && [[ $'\\n'$(<${netUpPath})$'\\n' == *$'\\n''${netUpMark}'$'\\n'* ]] || echo outdated
next; printf '%s\\n' "$began" "\${EPOCHREALTIME-}"; while read -r key value _; do [ "$key" != btime ] || echo "$value"; done </proc/stat
`;

/** What observing one node needs; kept for the life of its connection. */
export interface ObserveDeps {
  readonly connection: NodeConnection;
  readonly store: ZfsStore;
  readonly pool: string;
  readonly meshAddress: string;
  readonly docker: Pick<DockerRuntime, 'list' | 'images' | 'imageVolumes' | 'imagePorts' | 'version' | 'volumes'>;
  /** For the whole observation, default 180 000: a node that answers many requests slowly must not hold up every run. */
  readonly limitMs?: number;
}

const defaultLimitMs = 180_000;

/** Observes a node: one script reads ZFS, network and system, while Docker is asked over its own channel. */
export function createObserver(deps: ObserveDeps): (signal: AbortSignal) => Promise<NodeFacts> {
  const { limitMs = defaultLimitMs } = deps;
  const observe = async (signal: AbortSignal): Promise<NodeFacts> => {
    const [{ texts, roundTripMs, scriptMs }, docker] = await Promise.all([
      readSections(deps, signal),
      readDocker(deps, signal),
    ]);
    const capabilities = parseCapabilities(texts.pool, texts.system);
    deps.store.keepCapabilities(capabilities);
    return { ...toFacts(deps, texts, docker), capabilities, roundTripMs, scriptMs };
  };
  return async (signal) => {
    const limit = AbortSignal.timeout(limitMs);
    try {
      // One listener for each request to Docker that is in progress.
      return await observe(allowManyListeners(AbortSignal.any([signal, limit])));
    } catch (error) {
      if (!limit.aborted || signal.aborted) throw error;
      const message = `cannot observe "${deps.connection.node}": no complete answer within ${limitMs} ms`;
      throw new AppError('timeout', message, { retryable: true, cause: error });
    }
  };
}

interface DockerFacts {
  readonly containers: readonly Container[];
  readonly images: Readonly<Record<string, string>>;
  readonly imageVolumes: NonNullable<NodeFacts['imageVolumes']>;
  readonly imagePorts: NonNullable<NodeFacts['imagePorts']>;
  readonly version: DockerVersion;
  readonly volumes: readonly DockerVolume[];
}

async function readDocker({ docker }: ObserveDeps, signal: AbortSignal): Promise<DockerFacts> {
  const [containers, images, version, volumes] = await Promise.all([
    docker.list(signal),
    docker.images(signal),
    docker.version(signal),
    docker.volumes(signal),
  ]);
  const ids = Object.values(images);
  const imageVolumes = await docker.imageVolumes(ids, signal);
  // Both come from the same inspections, which the runtime keeps.
  return { containers, images, version, volumes, imageVolumes, imagePorts: await docker.imagePorts(ids, signal) };
}

type Sections = Readonly<Record<(typeof sections)[number], string>>;

/** What the script prints. `scriptMs`: its own work on the node; `roundTripMs`: sending it, the session, the way back. */
async function readSections(
  deps: ObserveDeps,
  signal: AbortSignal,
): Promise<{ readonly texts: Sections; readonly roundTripMs: number; readonly scriptMs: number }> {
  const { connection, store } = deps;
  const begin = performance.now();
  // No program on the node knows this line in advance, so none can print it by chance.
  const separator = `\x1e${randomUUID()}`;
  const args = [store.root, [volumeColumns, properties.node].join(','), separator, deps.pool];
  const { stdout, code } = await connection.script(observeScript, args, { signal, okCodes: [0, exits.noRoot] });
  if (code === exits.noRoot) throw notProvisioned(connection.node, store.root);
  const texts = stdout.split(`${separator}\n`);
  if (texts.length !== sections.length) {
    throw new AppError('command-failed', `cannot observe "${connection.node}": it printed ${texts.length} sections`);
  }
  const tookMs = performance.now() - begin;
  // Every name has its text: the lengths were compared above.
  const named = Object.fromEntries(sections.map((name, at) => [name, texts[at]])) as Sections;
  // The node's own clock may be wrong.
  const scriptMs = Math.round(Math.min(tookMs, parseSpan(named.times)));
  return { texts: named, scriptMs, roundTripMs: Math.max(0, Math.round(tookMs) - scriptMs) };
}

/** Milliseconds between two lines that have the node's time in seconds; 0 for anything else. */
export function parseSpan(text: string): number {
  const [begin = Number.NaN, end = Number.NaN] = text.split('\n').map(Number);
  const ms = (end - begin) * 1000;
  return ms >= 0 ? ms : 0;
}

function toFacts(
  deps: ObserveDeps,
  texts: Sections,
  { containers, images, imageVolumes, imagePorts, version, volumes }: DockerFacts,
): Omit<NodeFacts, 'capabilities' | 'roundTripMs'> {
  const { node } = deps.connection;
  const nodeId = parseNodeId(texts.datasets, deps.store.root);
  const pool = parsePool(texts.pool);
  if (nodeId === undefined || pool === undefined) throw notProvisioned(node, deps.store.root);
  const [zfs = '', kernel = '', arch = ''] = texts.system.trim().split(/\s+/);
  const boot = bootFacts(deps.connection, texts.boot);
  const foreignMounts = parseForeignMounts(texts.mounts, containers);
  const addresses = parseAddresses(texts.addresses);
  const isOutdated = texts.addresses.endsWith('outdated\n');
  return {
    nodeId,
    meshAddress: deps.meshAddress,
    ...(addresses.length === 0 ? {} : { addresses }),
    containers: withSockets(sinceBoot(withRecord(containers, texts.deployments), texts.times), texts.mounts),
    volumes: parseVolumes(texts.datasets, texts.copies),
    ...(foreignMounts.length === 0 ? {} : { foreignMounts }),
    network: {
      ...readTable(texts.network, [deps.meshAddress]),
      ...(isOutdated ? { isOutdated } : {}),
    },
    listeners: foreignListeners(parseListeners(texts.sockets), containers),
    images,
    imageVolumes,
    imagePorts,
    ...(volumes.length === 0 ? {} : { dockerVolumes: volumes }),
    pool,
    versions: { ...version, zfs, kernel, arch },
    ...defined({ boot, standby: parseStandby(texts.standby) }),
  };
}

/** Marks the exits of containers before the node booted; the third line of the times is when that was, in seconds. */
export function sinceBoot(containers: readonly Container[], times: string): readonly Container[] {
  const bootedAt = Number(times.split('\n')[2] || Number.NaN) * 1000;
  return containers.map((container) => {
    const { exit } = container;
    if (exit?.at === undefined || !(Date.parse(exit.at) < bootedAt)) return container;
    return { ...container, exit: { ...exit, isBeforeBoot: true } };
  });
}

/** Other nodes reach its sshd at the port that drover uses or, where that one is forwarded, at 22. */
function bootFacts({ remote }: NodeConnection, text: string): BootFacts | undefined {
  const rules = parseBoot(text);
  return rules && { ...rules, sshPorts: [...new Set([remote.port, 22])], hostKeys: remote.hostKeys };
}

/** `drover:node`, set on the root dataset itself by the provisioning. */
export function parseNodeId(getText: string, root: string): string | undefined {
  const line = getText.split('\n').find((row) => row.startsWith(`${root}\t${properties.node}\t`));
  const [, , value, source] = line?.split('\t') ?? [];
  // Other nodes store it as the owner of volumes that they release to this one.
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
    return [{ port: Number(port), protocol, address: plain, ...defined({ process }) }];
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

/** Listeners that are not drover's: Docker's proxy listens on the ports of our containers, which are left out. */
export function foreignListeners(
  listeners: readonly Listener[],
  containers: readonly Container[],
): readonly Listener[] {
  const managed = containers.filter((one) => one.managed);
  const ours = new Set(managed.flatMap((one) => one.spec.ports.map(published)));
  const named = new Set(managed.flatMap(({ spec }) => (spec.names === undefined ? [] : places(spec.names))));
  const isOurs = (one: Listener): boolean => ours.has(key(one)) || named.has(`${one.address} ${key(one)}`);
  return listeners.filter((one) => !(one.process === 'docker-proxy' && isOurs(one)));
}

/** Where Docker publishes the ports that are reached by name. */
const places = ({ mesh, ports }: ContainerNames): string[] =>
  ports.map((one) => `${mesh} ${key({ ...one, port: one.meshPort })}`);

const key = ({ port, protocol }: PortKey): string => `${protocol}/${port}`;
const published = ({ external, protocol }: { readonly external: number; readonly protocol: PortKey['protocol'] }) =>
  key({ port: external, protocol });

/**
 * Output of `foreignMountsProgram`. Mounts of drover's own containers are not foreign: they go when the container stops.
 * Lines in another form are left out.
 */
export function parseForeignMounts(text: string, containers: readonly Container[]): readonly ForeignMount[] {
  const byId = new Map(containers.map((one) => [one.id, one]));
  return text.split('\n').flatMap((line) => {
    const [, dataset = '', pid, id = '', process = ''] = /^(\S+)\t(\d+)\t(-|[0-9a-f]{64})\t(.*)$/.exec(line) ?? [];
    if (pid === undefined) return [];
    const container = byId.get(id);
    if (container?.managed === true) return [];
    const name = container?.name ?? (id === '-' ? undefined : id.slice(0, 12));
    return [{ dataset, pid: Number(pid), process, ...defined({ container: name }) }];
  });
}
