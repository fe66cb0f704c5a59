import { entriesAt, parseJson, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { prelude } from '../zfs/scripts.ts';

/** What Docker's API takes as `X-Registry-Auth`; lives as long as one pull, and is in no message and no log. */
export type RegistryAuth = Readonly<Record<'username' | 'password' | 'identitytoken' | 'serveraddress', string>>;

const hub = 'https://index.docker.io/v1/';
const hubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** What `docker login` has left for root on the node. */
const readConfigScript = `${prelude}
file=$(getent passwd 0 | cut -d : -f 6)/.docker/config.json
[ ! -f "$file" ] || head -c 1048576 "$file"
`;

/** HELPER, as the configuration names it, and REGISTRY: what `docker pull` would ask it. */
const askHelperScript = `${prelude}
HOME=$(getent passwd 0 | cut -d : -f 6)
export HOME
printf '%s' "$2" | timeout 20 "docker-credential-$1" get
`;

/**
 * How the node itself logs in at the registry of this repository, as its own `docker pull` would: from root's
 * configuration there or the credential helper that it names. Undefined where it does not. Docker's daemon knows none of
 * that, so it is read for each pull, given back to the same node and to no other, and kept nowhere.
 */
export async function readRegistryAuth(
  connection: NodeConnection,
  repository: string,
  signal: AbortSignal,
): Promise<RegistryAuth | undefined> {
  const { stdout } = await connection.script(readConfigScript, [], { signal });
  const config = parseJson(stdout);
  const registry = registryOf(repository);
  const helper = helperOf(config, registry);
  if (helper === undefined) return fromFile(config, registry);
  const asked = await connection.script(askHelperScript, [helper, registry], { signal, okCodes: anyCode });
  const answer = asked.code === 0 ? parseJson(asked.stdout) : undefined;
  const [username, secret] = [textAt(answer, 'Username'), textAt(answer, 'Secret')];
  if (username === undefined || secret === undefined) return undefined;
  return authOf(registry, username === '<token>' ? { identitytoken: secret } : { username, password: secret });
}

const anyCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

/** The registry's name as configurations have it; Docker Hub's is a URL of old. */
export function registryOf(repository: string): string {
  const first = repository.includes('/') ? (repository.split('/')[0] ?? '') : '';
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return !isHost || hubNames.has(first) ? hub : first;
}

/** Without scheme and path: both are written or not, as older versions of Docker did. */
const hostOf = (name: string): string => {
  const host = name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return hubNames.has(host) ? hub : host;
};

function helperOf(config: unknown, registry: string): string | undefined {
  const own = entriesAt(config, 'credHelpers').find(([name]) => hostOf(name) === hostOf(registry))?.[1];
  const helper = typeof own === 'string' ? own : textAt(config, 'credsStore');
  // Part of a program's name, and nothing else.
  return helper !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper) ? helper : undefined;
}

function fromFile(config: unknown, registry: string): RegistryAuth | undefined {
  const entry = entriesAt(config, 'auths').find(([name]) => hostOf(name) === hostOf(registry))?.[1];
  const identitytoken = textAt(entry, 'identitytoken');
  if (identitytoken !== undefined && identitytoken !== '') return authOf(registry, { identitytoken });
  const text = Buffer.from(textAt(entry, 'auth') ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const username = colon > 0 ? text.slice(0, colon) : textAt(entry, 'username');
  const password = colon > 0 ? text.slice(colon + 1).replace(/\0+$/, '') : textAt(entry, 'password');
  if (username === undefined || password === undefined) return undefined;
  return authOf(registry, { username, password });
}

const authOf = (serveraddress: string, given: Partial<RegistryAuth>): RegistryAuth => ({
  username: '',
  password: '',
  identitytoken: '',
  ...given,
  serveraddress,
});
