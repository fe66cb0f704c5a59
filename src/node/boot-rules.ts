import type { BootFacts, BootPeer, BootRules, WaitingVolume } from '../model/cluster.ts';
import { AppError } from '../model/errors.ts';
import { isAddress, isHostKey, isNodeId, isPort } from '../model/untrusted.ts';
import { saveFunction } from './command.ts';
import type { NodeConnection } from './ssh/connection.ts';
import { exits, prelude } from './zfs/scripts.ts';

/** What host/provision.sh has put on the node, then its rules, then what waits; nothing where it is not set up for it. */
export const readBootCommand = `{
  [ -x /usr/local/lib/drover/epochs ] && [ -f /etc/systemd/system/drover-start.service ] && echo ready
  [ -f /etc/drover/boot-peers ] && printf '%s\\n' "$(</etc/drover/boot-peers)"
  [ -f /run/drover/waiting ] && while IFS= read -r line; do printf 'waiting\\t%s\\n' "$line"; done </run/drover/waiting
  true; }`;

export const readScript = `${prelude}
${readBootCommand}
`;

/**
 * AUTHORIZED RULES: whole texts of both files. First the keys by which the others may ask, then whom to ask. Each
 * replaced at once, and readable for the user that sshd asks for.
 */
export const setScript = `${prelude}
umask 022
home=/var/lib/drover/peer/.ssh
[ -d "$home" ] || exit ${exits.noRoot}
${saveFunction}
printf '%s' "$1" | save "$home/authorized_keys" 644 && printf '%s' "$2" | save /etc/drover/boot-peers 644
`;

/** Text of the rules as the node's own programs read it (host/provision.sh, boot-gate): blanks between the words. */
export function renderRules({ alone, peers, gone = [] }: BootRules): string {
  const lines = peers.flatMap(({ address, ports, keys, id }) => [
    ...keys.map((key) => `peer ${checkAddress(address)} ${ports.map(checkPort).join(',')} ${checkKey(key)}\n`),
    ...(id === undefined ? [] : [`node ${checkAddress(address)} ${checkId(id)}\n`]),
  ]);
  return `alone ${alone}\n${lines.join('')}${gone.map((id) => `gone ${checkId(id)}\n`).join('')}`;
}

/**
 * Who may log in as drover-peer, and that all they get is the epochs of the volumes that they may have copies of. The
 * key says who asks, never the request. A key that is not of one node alone gets all of them.
 */
export function renderAuthorized({ peers }: BootRules): string {
  const keys = new Map<string, Set<string | undefined>>();
  for (const peer of peers) {
    for (const key of peer.keys) keys.set(checkKey(key), (keys.get(key) ?? new Set()).add(peer.id && checkId(peer.id)));
  }
  return [...keys]
    .map(([key, ids]) => {
      const [id] = ids;
      const whose = ids.size === 1 && id !== undefined ? ` peer ${id}` : '';
      return `restrict,command="/usr/local/lib/drover/epochs${whose}" ${key} drover-peer\n`;
    })
    .join('');
}

/** Output of `readBootCommand`; undefined where the node is not set up for it. Lines in another form are left out. */
export function parseBoot(text: string): Pick<BootFacts, 'alone' | 'peers' | 'gone' | 'waiting'> | undefined {
  const lines = text.split('\n');
  if (lines[0] !== 'ready') return undefined;
  // Lists that grow in place: a node that repeats an address must not cost the square of its lines.
  const peers = new Map<string, BootPeer & { readonly keys: string[] }>();
  const gone: string[] = [];
  const waiting: WaitingVolume[] = [];
  for (const line of lines) {
    const [, address, ports = '', key = ''] = /^peer (\S+) ([\d,]+) (\S+ \S+)$/.exec(line) ?? [];
    if (address !== undefined) {
      const known = peers.get(address);
      const keys: string[] = known?.keys ?? [];
      keys.push(key);
      peers.set(address, { ...known, address, ports: ports.split(',').map(Number), keys });
    }
    const [, named, id] = /^node (\S+) (\S+)$/.exec(line) ?? [];
    if (named !== undefined && isNodeId(id)) {
      peers.set(named, { address: named, ports: [], keys: [], ...peers.get(named), id });
    }
    const [, left] = /^gone (\S+)$/.exec(line) ?? [];
    if (isNodeId(left)) gone.push(left);
    const [, volume, why, silent = ''] = /^waiting\t([^\t]+)\t(silent|rival)\t([^\t]*)$/.exec(line) ?? [];
    if (volume === undefined) continue;
    waiting.push({ volume, why: why === 'rival' ? 'rival' : 'silent', peers: silent.split(',').filter(Boolean) });
  }
  const alone = lines.includes('alone start') ? 'start' : 'wait';
  return { alone, peers: [...peers.values()], ...(gone.length === 0 ? {} : { gone }), waiting };
}

/** Both files of a node that is set up for it; throws `command-failed` where it is not. */
export async function setBootRules(connection: NodeConnection, rules: BootRules, signal: AbortSignal): Promise<void> {
  const args = [renderAuthorized(rules), renderRules(rules)];
  const { code } = await connection.script(setScript, args, { signal, okCodes: [0, exits.noRoot] });
  if (code === 0) return;
  const { node } = connection;
  const message = `cannot set the boot rules of "${node}": it has no user drover-peer`;
  throw new AppError('command-failed', message, { hint: 'run host/provision.sh on the node', details: { node } });
}

/** The rules alone. */
export async function readBootRules(connection: NodeConnection, signal: AbortSignal): Promise<BootRules> {
  const { stdout } = await connection.script(readScript, [], { signal });
  const { waiting: _waiting, ...rules } = parseBoot(stdout) ?? { alone: 'wait' as const, peers: [], waiting: [] };
  return rules;
}

function checkAddress(address: string): string {
  if (isAddress(address)) return address;
  throw refused('address', address);
}

function checkId(id: string): string {
  if (isNodeId(id)) return id;
  throw refused('node id', id);
}

function checkPort(port: number): number {
  if (isPort(port)) return port;
  throw refused('port', String(port));
}

function checkKey(key: string): string {
  if (isHostKey(key)) return key;
  throw refused('host key', key);
}

function refused(what: string, text: string): AppError {
  return new AppError('command-failed', `cannot write down a peer: ${JSON.stringify(text)} is not a valid ${what}`);
}
