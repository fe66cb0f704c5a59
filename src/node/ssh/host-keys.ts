import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { readBounded } from '../../files/read-bounded.ts';
import { AppError } from '../../model/errors.ts';
import { knownHostsBytes, programOutputBytes } from '../../model/limits.ts';
import { type Environment, programFailure } from '../command.ts';
import { defaultAuthorityAlgorithms, refuseHostCertificate } from './certificate.ts';
import { expandTokens, type SshTarget } from './config.ts';
import { fetchHostCertificate } from './host-certificate.ts';
import {
  authoritiesOf,
  fingerprint,
  type HostKeyVerdict,
  judgeHostKey,
  type KnownHost,
  keyType,
  knownHostName,
  parseKnownHosts,
  pinnedKeys,
  readKnownHosts,
} from './known-hosts.ts';

/** The pinned keys of a host, and the verdict on the key that it presents. */
export interface HostKeys {
  /** `type base64` of every key pinned for the host. */
  readonly pinned: readonly string[];
  /** Throws `usage` where RevokedHostKeys cannot be read or KnownHostsCommand fails. */
  judge(key: Buffer): Promise<HostKeyVerdict>;
}

export interface HostKeysContext {
  readonly env: Environment;
  readonly signal: AbortSignal;
  /** Another connection to the same server, on which nothing has been sent yet. */
  readonly connectAgain: () => Promise<Duplex>;
}

/** Reads what ssh reads about a host: known_hosts files, KnownHostsCommand, RevokedHostKeys, certificate authorities. */
export async function readHostKeys(target: SshTarget, context: HostKeysContext): Promise<HostKeys> {
  const name = (target.hostKeyAlias ?? knownHostName(target.host, target.port)).toLowerCase();
  const [files, ordered] = await Promise.all([
    readKnownHosts(target.knownHostsFiles),
    askCommand(target, name, undefined, context),
  ]);
  return {
    pinned: pinnedKeys([...files, ...ordered], name),
    async judge(key) {
      const revoked = await findRevoked(target, key, context);
      if (revoked !== undefined) return { status: 'revoked', entry: revoked };
      const entries = [...files, ...(await askCommand(target, name, key, context))];
      const verdict = judgeHostKey(entries, name, key);
      if (verdict.status === 'known' || verdict.status === 'revoked') return verdict;
      const authorities = authoritiesOf(entries, name);
      const entry = authorities[0];
      if (entry === undefined) return verdict;
      const why = await askAuthority(target, key, authorities, context);
      return why === undefined ? { status: 'known' } : { ...verdict, authority: { entry, why } };
    },
  };
}

/** Why the host's certificate does not prove its key; undefined where it does. */
async function askAuthority(
  target: SshTarget,
  key: Buffer,
  authorities: readonly KnownHost[],
  { connectAgain, signal }: HostKeysContext,
): Promise<string | undefined> {
  try {
    const certificate = await fetchHostCertificate(await connectAgain(), keyType(key), signal);
    if (certificate === undefined) return `it has no certificate for its ${keyType(key)} key`;
    return refuseHostCertificate(certificate, {
      host: (target.hostKeyAlias ?? target.host).toLowerCase(),
      key,
      authorities: authorities.map((one) => one.key),
      algorithms: target.authorityAlgorithms ?? defaultAuthorityAlgorithms,
      nowSeconds: Date.now() / 1000,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    return `its certificate cannot be fetched: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The lines of KnownHostsCommand, which runs once before the host presents a key (`key` undefined), and once after. */
async function askCommand(
  target: SshTarget,
  name: string,
  key: Buffer | undefined,
  { env, signal }: HostKeysContext,
): Promise<readonly KnownHost[]> {
  if (target.knownHostsCommand === undefined) return [];
  const tokens = {
    H: name,
    I: key === undefined ? 'ORDER' : 'HOSTNAME',
    K: key === undefined ? 'NONE' : key.toString('base64'),
    f: key === undefined ? 'NONE' : fingerprint(key),
    t: key === undefined ? 'NONE' : keyType(key),
  };
  const [file = '', ...args] = target.knownHostsCommand.map((word) => expandTokens(word, tokens));
  const text = await run(file, args, { env, signal }).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('usage', `cannot trust "${target.alias}": its KnownHostsCommand "${file}": ${why}`, {
      hint: `correct KnownHostsCommand in the ssh configuration of "${target.alias}"`,
      details: { option: 'KnownHostsCommand' },
      cause: error,
    });
  });
  return parseKnownHosts(text, 'KnownHostsCommand');
}

const krlMagic = 'SSHKRL\n\0';

/** Where RevokedHostKeys lists the key. Throws `usage` where the file cannot be read: like ssh, it then trusts no host. */
async function findRevoked(
  { alias, revokedHostKeys: file }: SshTarget,
  key: Buffer,
  context: HostKeysContext,
): Promise<Pick<KnownHost, 'file' | 'line'> | undefined> {
  if (file === undefined) return undefined;
  const cannot = (error: unknown): never => {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('usage', `cannot trust "${alias}": RevokedHostKeys "${file}": ${why}`, {
      hint: 'make the file readable, or take RevokedHostKeys out of the ssh configuration of this host',
      details: { option: 'RevokedHostKeys', value: file },
      cause: error,
    });
  };
  const data = await readBounded(file, knownHostsBytes).catch(cannot);
  if (data.toString('latin1', 0, krlMagic.length) === krlMagic) {
    return (await isInList(file, key, context).catch(cannot)) ? { file, line: 1 } : undefined;
  }
  const lines = data.toString('utf8').split(/\r?\n/);
  const at = lines.findIndex((line) => holdsKey(line, key));
  return at < 0 ? undefined : { file, line: at + 1 };
}

/** True for a line with the key anywhere in it, since options may come first. */
function holdsKey(line: string, key: Buffer): boolean {
  if (line.trimStart().startsWith('#')) return false;
  const words = line.trim().split(/\s+/);
  const at = words.indexOf(keyType(key));
  return at >= 0 && Buffer.from(words[at + 1] ?? '', 'base64').equals(key);
}

/** Asks `ssh-keygen -Q` about a binary list; it exits with 1 where the key is revoked. */
async function isInList(file: string, key: Buffer, context: HostKeysContext): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-key-'));
  try {
    const path = join(folder, 'key.pub');
    await writeFile(path, `${keyType(key)} ${key.toString('base64')}\n`);
    const text = await run('ssh-keygen', ['-Q', '-f', file, path], { ...context, okCodes: [0, 1] });
    if (/:\s*REVOKED\s*$/m.test(text)) return true;
    if (/:\s*ok\s*$/m.test(text)) return false;
    throw new Error(`ssh-keygen printed "${text.trim()}"`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface RunLimits {
  readonly env: Environment;
  readonly signal: AbortSignal;
  readonly okCodes?: readonly number[];
}

/** The output of a local program. Rejects with its error output for any other exit code. */
function run(file: string, args: readonly string[], { env, signal, okCodes = [0] }: RunLimits): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { env: { ...env }, signal, timeout: 10_000, maxBuffer: programOutputBytes };
    execFile(file, [...args], limits, (error, stdout, stderr) => {
      if (error === null || okCodes.includes(Number(error.code))) resolve(stdout);
      else reject(programFailure(error, stderr));
    });
  });
}
