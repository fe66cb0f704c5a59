import { appendFile, chmod, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readTextBounded } from '../../files/read-bounded.ts';
import type { NodeSettings } from '../../model/config.ts';
import { AppError, isCode } from '../../model/errors.ts';
import { knownHostsBytes } from '../../model/limits.ts';
import type { Environment } from '../command.ts';
import { refuseForeignKeyFile } from './allowed-files.ts';
import type { SshTarget } from './config.ts';
import type { ConnectOptions } from './connection.ts';
import { dial } from './dial.ts';
import { fingerprint, type HostKeyVerdict, keyType, knownHostName, printKnownHost } from './known-hosts.ts';

/** An accepted key, and the file that it was written to. */
export interface Acceptance {
  readonly host: string;
  readonly keyType: string;
  readonly fingerprint: string;
  /** Absent where the key was known before. */
  readonly file?: string;
}

interface Seen {
  readonly target: SshTarget;
  readonly key: Buffer;
  readonly verdict: HostKeyVerdict;
}

/**
 * Connects, compares the presented key (the node's, or that of the first unknown jump host) with the fingerprint, and
 * appends it to the node's known_hosts file. Throws `host-key-unknown` for another key, and `host-key-changed` where
 * another key is pinned: that line must be removed by hand first.
 */
export async function acceptHostKey(
  node: string,
  settings: NodeSettings,
  expected: string,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Acceptance> {
  const { env } = options;
  const note = options.onNote ?? (() => undefined);
  const seen: Seen[] = [];
  const onUntrusted = (target: SshTarget, key: Buffer, verdict: HostKeyVerdict): void => {
    seen.push({ target, key, verdict });
  };
  const limit = AbortSignal.any([signal, AbortSignal.timeout(options.connectMs ?? 15_000)]);
  try {
    const { client, target, hostKeys } = await dial(
      settings.host ?? node,
      settings,
      { node, env, note, onUntrusted },
      limit,
    );
    client.end();
    return alreadyKnown(node, target, hostKeys, expected);
  } catch (error) {
    const shown = seen[0];
    if (shown === undefined || shown.verdict.status !== 'unknown') throw error;
    if (fingerprint(shown.key) !== normalise(expected)) throw error;
    const isNamedByFiles = settings.knownHostsFile !== undefined || settings.sshConfigFile !== undefined;
    const folders = isNamedByFiles ? options.keyFolders : undefined;
    return { ...describe(shown.target, shown.key), file: await append(shown.target, shown.key, env, folders) };
  }
}

function alreadyKnown(node: string, target: SshTarget, hostKeys: readonly string[], expected: string): Acceptance {
  const keys = hostKeys.map((line) => Buffer.from(line.split(' ')[1] ?? '', 'base64'));
  const match = keys.find((key) => fingerprint(key) === normalise(expected));
  if (match !== undefined) return describe(target, match);
  const known = keys.map(fingerprint).join(', ');
  throw new AppError('host-key-changed', `cannot accept ${expected} for "${node}": its known key is ${known}`, {
    hint: 'check where the other fingerprint comes from; the node needs no new entry',
  });
}

function describe(target: SshTarget, key: Buffer): Acceptance {
  return { host: target.host, keyType: keyType(key), fingerprint: fingerprint(key) };
}

/** With or without `SHA256:` and padding. */
function normalise(text: string): string {
  return `SHA256:${text
    .trim()
    .replace(/^SHA256:/i, '')
    .replace(/=+$/, '')}`;
}

async function append(
  target: SshTarget,
  key: Buffer,
  env: Environment,
  folders: readonly string[] | undefined,
): Promise<string> {
  const file = target.knownHostsFiles[0];
  if (file === undefined) {
    throw new AppError('usage', `cannot save the key of "${target.alias}": there is no known_hosts file`, {
      hint: 'set "knownHostsFile" of the node',
    });
  }
  const name = target.hostKeyAlias ?? knownHostName(target.host, target.port);
  const line = printKnownHost(name, key, target.hashKnownHosts);
  if (folders !== undefined) await refuseForeignKeyFile(file, line, folders, env);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const before = await readKnown(file, target.alias);
  const start = before === undefined || before === '' || before.endsWith('\n') ? '' : '\n';
  await appendFile(file, `${start}${line}\n`);
  if (before === undefined) await chmod(file, 0o600);
  return file;
}

/** The file's text; undefined for a missing file. Throws `usage` for anything but a regular file, such as /dev/null. */
async function readKnown(file: string, alias: string): Promise<string | undefined> {
  const found = await stat(file).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found === undefined) return undefined;
  if (found.isFile()) return readTextBounded(file, knownHostsBytes);
  throw new AppError(
    'usage',
    `cannot save the key of "${alias}": its known_hosts file "${file}" is not a regular file`,
    {
      hint: 'set "knownHostsFile" of the node, or UserKnownHostsFile in the ssh configuration',
    },
  );
}
