import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { load } from 'js-yaml';
import { createEngine } from '../../src/engine/engine.ts';
import type { Engine } from '../../src/engine/types.ts';
import { type Config, defaultSettings, type NodeSettings, type Settings } from '../../src/model/config.ts';
import { createCluster } from '../../src/node/connect.ts';
import { connect, type NodeConnection } from '../../src/node/ssh/connection.ts';

/** A node of the lab as its drover.yml says how to reach it. */
export interface LabNode {
  readonly name: string;
  readonly settings: NodeSettings;
}

const variable = 'DROVER_LAB_INVENTORY';

/** Nodes from the file that DROVER_LAB_INVENTORY names; none, with a line that says so, where it is not set. */
export function readLab(): readonly LabNode[] {
  const path = process.env[variable];
  if (path === undefined || path === '') {
    process.stdout.write(`real nodes: skipped, ${variable} does not name a drover.yml (see lab/README.md)\n`);
    return [];
  }
  // A file of our own making; a wrong one fails in the first connection.
  const inventory = load(readFileSync(path, 'utf8')) as { readonly nodes: Readonly<Record<string, NodeSettings>> };
  return Object.entries(inventory.nodes).map(([name, settings]) => ({ name, settings }));
}

/** No test fails because a machine is slow: only what hangs takes as long. */
const hangsMs = 300_000;
export const patientSettings: Settings = {
  ...defaultSettings,
  timeouts: { ...defaultSettings.timeouts, connectMs: hangsMs, commandMs: hangsMs },
};

/** As root, or as another login of the same node. */
export function connectTo(node: LabNode, user?: string): Promise<NodeConnection> {
  const settings = user === undefined ? node.settings : { ...node.settings, user };
  const { connectMs, commandMs } = patientSettings.timeouts;
  return connect(node.name, settings, { env: process.env, connectMs, commandMs }, AbortSignal.timeout(2 * hangsMs));
}

/** A parent of volumes that belongs to one test run. */
export interface Playground {
  readonly pool: string;
  readonly datasetRoot: string;
  readonly root: string;
}

/** Names a new playground; the same on every node. */
export function newPlayground(): Playground {
  const datasetRoot = `contract-${randomUUID().slice(0, 8)}`;
  return { pool: 'drover', datasetRoot, root: `drover/${datasetRoot}` };
}

/** Makes the playground on a node, as the provisioning makes the real one. */
export async function openPlayground(connection: NodeConnection, { root, datasetRoot }: Playground): Promise<void> {
  await connection.script(
    `set -e
zfs create -o canmount=off -o mountpoint="/var/lib/drover/$2" -o com.sun:auto-snapshot=false "$1"
zfs set drover:node="$(cat /etc/drover/node-id)" "$1"`,
    [root, datasetRoot],
  );
}

/** Takes the playground away with everything in it. */
export async function closePlayground(connection: NodeConnection, { root, datasetRoot }: Playground): Promise<void> {
  await connection.script(
    `zfs get -H -r -t filesystem -o name receive_resume_token "$1" | tac | while read -r ds; do zfs receive -A "$ds" 2>/dev/null; done
zfs list -H -r -t snapshot -o name "$1" | while read -r snapshot; do
  zfs holds -H "$snapshot" | while IFS=$'\\t' read -r _ tag _; do zfs release "$tag" "$snapshot"; done
done
zfs destroy -r "$1"
# The mountpoints are immutable where nothing is mounted.
perl -e 'use Fcntl; for (@ARGV) { my ($f, $d) = (pack "L!", 0); sysopen($d, $_, O_RDONLY) && ioctl($d, 0x80086601, $f)
  && ioctl($d, 0x40086602, pack "L!", unpack("L!", $f) & ~0x10) }' "/var/lib/drover/$2"/*
rm -rf --one-file-system "/var/lib/drover/$2"`,
    [root, datasetRoot],
  );
}

/** Appends random bytes to the data of a mounted volume, down to the disk. */
export async function writeTo(connection: NodeConnection, dataset: string, bytes: number): Promise<void> {
  await connection.script(
    `set -e; head -c "$2" /dev/urandom >>"$(zfs get -H -o value mountpoint "$1")/data/file"; zpool sync`,
    [dataset, String(bytes)],
  );
}

/** An engine on real nodes, with the files that `config` stands for at each run. */
export function labEngine(config: () => Config): Engine {
  return createEngine({
    load: async () => ({ ok: true, config: config() }),
    openCluster: (wanted) => createCluster(wanted, { env: process.env }),
    now: Date.now,
    random: Math.random,
    sleep: (ms, stop) => sleep(ms, undefined, { signal: stop }),
    owner: 'contract',
  });
}
