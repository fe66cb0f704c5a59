import type { NodeEntry } from '../config/edit/edit-nodes.ts';
import type { Host } from '../engine/host.ts';
import type { Config, NodeName, NodeSettings } from '../model/config.ts';
import { defined } from '../model/defined.ts';
import { isAddress } from './forget-peer.ts';
import type { Invocation } from './invocation.ts';
import { editFile, type FileEdit, type NodeFiles } from './node-files.ts';

/** A host under the key it has, or will have, in the files. */
export interface AddTarget {
  readonly node: NodeName;
  /** What the files say, overridden by what was given. */
  readonly settings: NodeSettings;
  /** In drover.yml already. */
  readonly isKnown: boolean;
}

/** Writes a new node into drover.yml, and as an idle one into deployment.yml where there is one. */
export async function recordNode(
  invocation: Invocation,
  files: NodeFiles,
  target: AddTarget,
  host: Host,
  signal: AbortSignal,
): Promise<readonly FileEdit[]> {
  const { addNode } = await import('../config/edit/edit-nodes.ts');
  const { node } = target;
  const add = (file: string, entry: NodeEntry) =>
    editFile(invocation, file, `add "${node}"`, (text) => addNode(text, node, entry));
  const edits: (FileEdit | undefined)[] = [];
  if (!target.isKnown) {
    edits.push(await add(files.inventory, await entryOf(invocation, files.config, target, host, signal)));
  }
  if (files.deployment !== undefined && !Object.hasOwn(files.config.deployment, node)) {
    edits.push(await add(files.deployment, 'idle'));
  }
  return edits.filter((edit) => edit !== undefined);
}

/** What has to be known to come back: all that was given, and for a bare address who it was and what it is called. */
async function entryOf(
  { world }: Invocation,
  config: Config,
  { node, settings }: AddTarget,
  host: Host,
  signal: AbortSignal,
): Promise<Exclude<NodeEntry, 'idle'>> {
  const name = settings.name ?? (isAddress(node) ? freeName(config, await host.hostname(signal)) : undefined);
  const { port, jump, identityFile, knownHostsFile } = settings;
  const user = settings.user ?? (isAddress(node) ? host.user : undefined);
  const home = world.env.HOME;
  const short = (path: string | undefined): string | undefined => {
    if (path === undefined) return undefined;
    const full = path.startsWith('/') ? path : `${world.cwd}/${path}`;
    return home !== undefined && home !== '/' && full.startsWith(`${home}/`) ? `~${full.slice(home.length)}` : full;
  };
  return defined({
    name,
    user,
    port,
    identityFile: short(identityFile),
    knownHostsFile: short(knownHostsFile),
    jump,
  });
}

/** The host's own name, unless another node has it (many a cloud image is called "debian"). */
function freeName(config: Config, hostname: string): string | undefined {
  const short = hostname.split('.')[0] ?? '';
  const taken = Object.entries(config.nodes).flatMap(([key, { name }]) => [key, name]);
  const fits = /^[A-Za-z0-9][A-Za-z0-9-]*$/.test(short) && short !== 'localhost';
  return fits && !taken.includes(short) ? short : undefined;
}
