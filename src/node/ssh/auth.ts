import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { AnyAuthMethod, IdentityCallback, ParsedKey, SignCallback, SigningRequestOptions } from 'ssh2';
import ssh2 from 'ssh2';
import { readBounded } from '../../files/read-bounded.ts';
import { printCommand } from '../../model/command-line.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { keyFileBytes } from '../../model/limits.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import type { SshTarget } from './config.ts';
import { certificateText, certifiedKey, isSameKey, signingOf } from './ssh2-authentication.ts';

/** The login methods to try, in order, and the keys that cannot be used. */
export interface Credentials {
  readonly methods: readonly AnyAuthMethod[];
  /** Key files that need a passphrase and do not seem to be in the agent. */
  readonly locked: readonly string[];
  readonly user: string;
}

interface KeyFile {
  readonly path: string;
  /** The private key; absent where only the public half can be read. */
  readonly privateKey?: ParsedKey;
  readonly publicKey?: ParsedKey;
  readonly locked: boolean;
  readonly certificate?: Certificate;
}

type Note = (text: string) => void;

/**
 * The keys of the target in the order in which ssh tries them: the node's own identity file; the agent's keys, those that
 * IdentityFile names first (with IdentitiesOnly, only those); then key files that the agent does not have. A certificate
 * comes before its key. Throws `connection-failed` where the node's own identity file cannot be read or used.
 */
export async function gatherCredentials(target: SshTarget, note: Note): Promise<Credentials> {
  const files = (await Promise.all(target.identityFiles.map((path, i) => readKey(path, i === 0, target, note)))).flat();
  const certificates = (await Promise.all(target.certificateFiles.map((path) => readNamed(path, note)))).flat();
  const agent = new OrderedAgent({ target, files, certificates, note });
  return {
    methods: [{ type: 'agent', username: target.user, agent }],
    locked: files.filter((file) => file.locked).map((file) => file.path),
    user: target.user,
  };
}

async function readKey(path: string, first: boolean, target: SshTarget, note: Note): Promise<KeyFile[]> {
  const own = first && target.ownIdentity;
  const data = await readBounded(path, keyFileBytes).catch((error: unknown) => {
    if (!own) return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('connection-failed', `cannot log in to "${target.alias}": its identity file: ${why}`, {
      hint: `correct "identityFile" of "${target.alias}", or make the file readable`,
      cause: error,
    });
  });
  const [publicHalf, certificate] = await Promise.all([readPublic(`${path}.pub`), readCertificate(`${path}-cert.pub`)]);
  const certified = defined({ certificate });
  const half = defined({ publicKey: publicHalf });
  if (data === undefined) return publicHalf === undefined ? [] : [{ path, locked: false, ...half, ...certified }];
  const key = parse(data);
  if (!(key instanceof Error) && !key.isPrivateKey()) return [{ path, publicKey: key, locked: false, ...certified }];
  if (await isOpenToOthers(path)) {
    const why = `"${path}" can be read by other users`;
    const chmod = printCommand(['chmod', '600', path]);
    if (own) {
      throw new AppError('connection-failed', `cannot log in to "${target.alias}": its identity file ${why}`, {
        hint: `run "${chmod}"`,
      });
    }
    note(`the key ${why}, and is not used: run "${chmod}"`);
    // The agent may have the key.
    return publicHalf === undefined ? [] : [{ path, locked: false, ...half, ...certified }];
  }
  if (!(key instanceof Error)) return [{ path, publicKey: key, privateKey: key, locked: false, ...certified }];
  const locked = /encrypted|passphrase/i.test(key.message);
  if (!locked) note(`the key "${path}" is not used: ${key.message}`);
  return [{ path, locked, ...half, ...certified }];
}

/** The same rule as ssh's, which checks only files of this user. */
async function isOpenToOthers(path: string): Promise<boolean> {
  const found = await stat(path);
  return found.isFile() && found.uid === userInfo().uid && (found.mode & 0o077) !== 0;
}

async function readPublic(path: string): Promise<ParsedKey | undefined> {
  const data = await readBounded(path, keyFileBytes).catch(() => undefined);
  const key = data === undefined ? undefined : parse(data);
  return key instanceof Error ? undefined : key;
}

async function readCertificate(path: string): Promise<Certificate | undefined> {
  const data = await readBounded(path, keyFileBytes).catch(() => undefined);
  return data === undefined ? undefined : parseCertificate(certificateText(data.toString('latin1')));
}

/** A certificate that ssh_config names (CertificateFile). */
async function readNamed(path: string, note: Note): Promise<Certificate[]> {
  const certificate = await readCertificate(path);
  if (certificate !== undefined) return [certificate];
  note(`the certificate "${path}" is not used: it cannot be read, or drover does not know its type`);
  return [];
}

function parse(data: Buffer): ParsedKey | Error {
  // parseKey returns a list for files that can hold several keys; OpenSSH writes one.
  const parsed: ParsedKey | Error | (ParsedKey | Error)[] = ssh2.utils.parseKey(data);
  return Array.isArray(parsed) ? (parsed[0] ?? new Error('the file holds no key')) : parsed;
}

interface Keys {
  readonly target: SshTarget;
  readonly files: readonly KeyFile[];
  readonly certificates: readonly Certificate[];
  readonly note: Note;
}

/**
 * All keys as one agent, so that each is offered once and in the right order: sshd limits the attempts (MaxAuthTries).
 * The user's agent signs with its own keys, drover with the others.
 */
class OrderedAgent extends ssh2.BaseAgent<ParsedKey> {
  private readonly keys: Keys;
  private readonly agent: InstanceType<typeof ssh2.OpenSSHAgent> | undefined;
  /** The key that signs for an offered key, and whether drover has it (else the user's agent). */
  private readonly signers = new Map<ParsedKey, { readonly key: ParsedKey; readonly isHere: boolean }>();

  constructor(keys: Keys) {
    super();
    this.keys = keys;
    this.agent = keys.target.agent === undefined ? undefined : new ssh2.OpenSSHAgent(keys.target.agent);
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    if (this.agent === undefined) {
      callback(undefined, this.inOrder([]));
      return;
    }
    this.agent.getIdentities((error, found) => {
      // Key files can still be tried without the agent.
      if (error) this.keys.note(`the ssh agent cannot be used: ${error.message}`);
      callback(undefined, this.inOrder((found ?? []).flatMap((key) => ('getPublicSSH' in key ? [key] : []))));
    });
  }

  private inOrder(inAgent: readonly ParsedKey[]): ParsedKey[] {
    const { target, files } = this.keys;
    const held = (file: KeyFile): ParsedKey | undefined => {
      const blob = file.publicKey?.getPublicSSH();
      return blob === undefined ? undefined : inAgent.find((key) => isSameKey(key, blob));
    };
    const own = target.ownIdentity ? files.slice(0, 1).filter((file) => file.privateKey !== undefined) : [];
    const rest = files.filter((file) => !own.includes(file));
    const named = rest.flatMap((file) => held(file) ?? []);
    const others = target.identitiesOnly ? [] : inAgent.filter((key) => !named.includes(key));
    const last = rest.filter((file) => held(file) === undefined);
    return [
      ...own.flatMap((file) => this.offer(file.privateKey, true)),
      ...[...named, ...others].flatMap((key) => this.offer(key, false)),
      ...last.flatMap((file) => this.offer(file.privateKey, true)),
    ];
  }

  /** The key after its certificates, without those that the configuration does not accept. */
  private offer(key: ParsedKey | undefined, isHere: boolean): ParsedKey[] {
    if (key === undefined) return [];
    const { target, files, certificates } = this.keys;
    const ofFiles = files.flatMap((file) => file.certificate ?? []);
    const mine = [...certificates, ...ofFiles].filter((one) => isSameKey(key, one.key));
    const distinct = mine.filter((one, at) => mine.findIndex((other) => other.blob.equals(one.blob)) === at);
    const offered = [...distinct.map((certificate) => certifiedKey(key, certificate)), key];
    for (const one of offered) this.signers.set(one, { key, isHere });
    return offered.filter((one) => isAccepted(one.type, target.algorithms.publicKey));
  }

  override sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, cb?: SignCallback): void {
    const callback = typeof options === 'function' ? options : cb;
    const given = typeof options === 'function' ? {} : options;
    const hash = signingOf(key)?.hash ?? given.hash;
    const signer = this.signers.get(key);
    if (signer === undefined) callback?.(new Error('the key is not one of these'));
    else if (!signer.isHere && this.agent !== undefined) {
      this.agent.sign(signer.key, data, hash === undefined ? {} : { hash }, callback);
    } else {
      // ssh2 returns an error instead of throwing it; its types do not show that.
      const signature: Buffer | Error = signer.key.sign(data, hash);
      if (signature instanceof Error) callback?.(signature);
      else callback?.(undefined, signature);
    }
  }
}

/** True where PubkeyAcceptedAlgorithms accepts a type of key; an RSA key has several algorithms. */
function isAccepted(type: string, accepted: readonly string[] | undefined): boolean {
  if (accepted === undefined || accepted.includes(type)) return true;
  if (!type.startsWith('ssh-rsa')) return false;
  const rest = type.slice('ssh-rsa'.length);
  return ['rsa-sha2-512', 'rsa-sha2-256'].some((name) => accepted.includes(`${name}${rest}`));
}
