import { anyExitCode } from '../command.ts';
import { entriesAt, parseJson, textAt } from '../json.ts';
import type { NodeConnection } from '../ssh/connection.ts';
import { prelude } from '../zfs/scripts.ts';

/** The `X-Registry-Auth` of Docker's API. Kept for one pull only, and never part of a message or log. */
export type RegistryAuth = Readonly<Record<'username' | 'password' | 'identitytoken' | 'serveraddress', string>>;

const hub = 'https://index.docker.io/v1/';
const hubNames: ReadonlySet<string> = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);

/** Prints what `docker login` has written for root on the node. */
const readConfigScript = `${prelude}
file=$(getent passwd 0 | cut -d : -f 6)/.docker/config.json
[ ! -f "$file" ] || head -c 1048576 "$file"
`;

/** HELPER REGISTRY: asks the credential helper of that name, as `docker pull` does. */
const askHelperScript = `${prelude}
HOME=$(getent passwd 0 | cut -d : -f 6)
export HOME
printf '%s' "$2" | timeout 20 "docker-credential-$1" get
`;

/**
 * The node's own login for the registry of this repository, as `docker pull` finds it: in root's configuration there, or
 * from the credential helper that it names. Undefined where there is none. The Docker daemon does not read these, so
 * they are read for each pull, sent back to the same node only, and not kept.
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
  const asked = await connection.script(askHelperScript, [helper, registry], { signal, okCodes: anyExitCode });
  const answer = asked.code === 0 ? parseJson(asked.stdout) : undefined;
  const [username, secret] = [textAt(answer, 'Username'), textAt(answer, 'Secret')];
  if (username === undefined || secret === undefined) return undefined;
  return authOf(registry, username === '<token>' ? { identitytoken: secret } : { username, password: secret });
}

/** The registry's name in Docker's configuration; Docker Hub has a URL there for historical reasons. */
export function registryOf(repository: string): string {
  const first = repository.includes('/') ? (repository.split('/')[0] ?? '') : '';
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost';
  return !isHost || hubNames.has(first) ? hub : first;
}

/** The name without scheme and path, which some versions of Docker write. */
const hostOf = (name: string): string => {
  const host = name.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return hubNames.has(host) ? hub : host;
};

function helperOf(config: unknown, registry: string): string | undefined {
  const own = entriesAt(config, 'credHelpers').find(([name]) => hostOf(name) === hostOf(registry))?.[1];
  const helper = typeof own === 'string' ? own : textAt(config, 'credsStore');
  // It becomes part of a program's name.
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
