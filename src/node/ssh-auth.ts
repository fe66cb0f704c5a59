import { readFile } from 'node:fs/promises';
import type { AnyAuthMethod, IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2';
import ssh2 from 'ssh2';
import { AppError } from '../model/errors.ts';
import type { SshTarget } from './ssh-config.ts';

/** What can be tried to log in, in order, and why some keys cannot. */
export interface Credentials {
  readonly methods: readonly AnyAuthMethod[];
  /** Key files that need a passphrase and are not in the agent as far as is known. */
  readonly locked: readonly string[];
  readonly user: string;
}

interface KeyFile {
  readonly path: string;
  /** Absent where only the public half is known. */
  readonly privateKey?: Buffer;
  readonly publicKey?: ParsedKey;
  readonly locked: boolean;
}

/**
 * The keys of the target in the order ssh tries them: a key named for this node, the agent's (those named by
 * IdentityFile first, only those with IdentitiesOnly), then key files. Throws `connection-failed` where the node's
 * own identity file cannot be read.
 */
export async function gatherCredentials(target: SshTarget, note: (text: string) => void): Promise<Credentials> {
  const files = (await Promise.all(target.identityFiles.map((path, i) => readKey(path, i === 0, target, note)))).flat();
  const username = target.user;
  const methods: AnyAuthMethod[] = files.flatMap((file) =>
    file.privateKey === undefined ? [] : [{ type: 'publickey', username, key: file.privateKey }],
  );
  if (target.agent !== undefined) {
    const named = files.flatMap((file) => (file.publicKey === undefined ? [] : [file.publicKey]));
    const agent = new NamedFirstAgent(target.agent, named, target.identitiesOnly);
    const hasOwn = target.ownIdentity && files[0]?.privateKey !== undefined;
    methods.splice(hasOwn ? 1 : 0, 0, { type: 'agent', username, agent });
  }
  return { methods, locked: files.filter((file) => file.locked).map((file) => file.path), user: username };
}

async function readKey(
  path: string,
  first: boolean,
  target: SshTarget,
  note: (text: string) => void,
): Promise<KeyFile[]> {
  const own = first && target.ownIdentity;
  const data = await readFile(path).catch((error: unknown) => {
    if (!own) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('connection-failed', `cannot log in to "${target.alias}": its identity file: ${why}`, {
      hint: `correct "identityFile" of "${target.alias}", or make the file readable`,
      cause: error,
    });
  });
  const publicHalf = await readPublic(`${path}.pub`);
  if (data === undefined) return publicHalf === undefined ? [] : [{ path, publicKey: publicHalf, locked: false }];
  const key = parse(data);
  if (!(key instanceof Error)) {
    return [{ path, publicKey: key, locked: false, ...(key.isPrivateKey() ? { privateKey: data } : {}) }];
  }
  const locked = /encrypted|passphrase/i.test(key.message);
  if (!locked) note(`the key "${path}" is not used: ${key.message}`);
  return [{ path, locked, ...(publicHalf === undefined ? {} : { publicKey: publicHalf }) }];
}

async function readPublic(path: string): Promise<ParsedKey | undefined> {
  const data = await readFile(path).catch(() => undefined);
  const key = data === undefined ? undefined : parse(data);
  return key instanceof Error ? undefined : key;
}

function parse(data: Buffer): ParsedKey | Error {
  // parseKey gives a list for files that can hold several keys; OpenSSH writes one.
  const parsed: ParsedKey | Error | (ParsedKey | Error)[] = ssh2.utils.parseKey(data);
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('the file holds no key')) : parsed;
}

/** An agent that offers the keys named in the configuration first: sshd counts tries (MaxAuthTries). */
class NamedFirstAgent extends ssh2.BaseAgent<ParsedKey> {
  private readonly agent: InstanceType<typeof ssh2.OpenSSHAgent>;
  private readonly named: readonly ParsedKey[];
  private readonly onlyNamed: boolean;

  constructor(socket: string, named: readonly ParsedKey[], onlyNamed: boolean) {
    super();
    this.agent = new ssh2.OpenSSHAgent(socket);
    this.named = named;
    this.onlyNamed = onlyNamed;
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    this.agent.getIdentities((error, keys) => {
      if (error) {
        callback(error);
        return;
      }
      const all = (keys ?? []).flatMap((key) => ('getPublicSSH' in key ? [key] : []));
      const isNamed = (key: ParsedKey): boolean => this.named.some((name) => name.equals(key));
      callback(undefined, [...all.filter(isNamed), ...(this.onlyNamed ? [] : all.filter((key) => !isNamed(key)))]);
    });
  }

  override sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, cb?: SignCallback): void {
    if (typeof options === 'function') this.agent.sign(key, data, options);
    else this.agent.sign(key, data, options, cb);
  }
}
