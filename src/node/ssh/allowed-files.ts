import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, sep } from 'node:path';
import { readTextBounded, UnreadableFile } from '../../files/read-bounded.ts';
import { printCommand } from '../../model/command-line.ts';
import { AppError } from '../../model/errors.ts';
import { sshConfigBytes } from '../../model/limits.ts';
import type { Environment } from '../command.ts';

/**
 * Keywords of ssh_config that start no program. A file that came with another person's folder needs the user's permission
 * for any other keyword, including those of future versions of ssh.
 */
const harmless = new Set(
  `host hostname user port identityfile identitiesonly identityagent certificatefile addkeystoagent userknownhostsfile
  globalknownhostsfile stricthostkeychecking hostkeyalias hostkeyalgorithms checkhostip hashknownhosts updatehostkeys
  proxyjump connecttimeout connectionattempts serveraliveinterval serveralivecountmax tcpkeepalive compression loglevel
  ciphers macs kexalgorithms pubkeyauthentication passwordauthentication preferredauthentications pubkeyacceptedalgorithms
  pubkeyacceptedkeytypes casignaturealgorithms addressfamily bindaddress bindinterface batchmode forwardagent forwardx11
  requesttty controlmaster controlpath controlpersist visualhostkey verifyhostkeydns revokedhostkeys canonicalizehostname
  canonicaldomains numberofpasswordprompts requiredrsasize ignoreunknown tag`.split(/\s+/),
);

/** The first line that may start a program when the file is used (from 1), or undefined. */
export function programIn(text: string): { readonly line: number; readonly keyword: string } | undefined {
  for (const [i, raw] of text.split(/\r\n|\n|\r/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [keyword = line] = line.split(/[\s=]/, 1);
    const isFine = harmless.has(keyword.toLowerCase());
    const isMatch = keyword.toLowerCase() === 'match' && !/exec|localnetwork|["'\\]/i.test(line.slice(keyword.length));
    if (!isFine && !isMatch) return { line: i + 1, keyword };
  }
  return undefined;
}

/** Folders of this user's own files, which did not come with another person's folder. */
const ownFolders = (env: Environment): readonly string[] => [
  join(env.HOME || homedir(), '.ssh'),
  '/etc/ssh',
  stateFolder(env),
];

const stateFolder = (env: Environment): string =>
  join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'drover');

/**
 * Refuses to write a host key into a file that is neither in one of these folders nor a known_hosts file of this user.
 * The files in these folders have named it, and another person's folder must not make drover write elsewhere. Throws
 * `usage`; `line` is what would be written.
 */
export async function refuseForeignKeyFile(
  path: string,
  line: string,
  folders: readonly string[],
  env: Environment,
): Promise<void> {
  const real = await realPath(path);
  const isIn = (folder: string): boolean => real.startsWith(folder + sep);
  const own = await Promise.all(ownFolders(env).map(realPath));
  if (own.some(isIn) && /known[-_]?hosts/.test(basename(real))) return;
  if ((await Promise.all(folders.map(realPath))).some((folder) => isIn(folder) && !own.some(isIn))) return;
  throw new AppError(
    'usage',
    `cannot write the key into "${path}": the node files name it, but it is outside their folder and is not one of your known_hosts files`,
    { hint: `to write it all the same: echo ${printCommand([line])} >> ${printCommand([path])}` },
  );
}

/** The path behind all links; for a missing file, below the real path of its folder. */
async function realPath(path: string): Promise<string> {
  return await realpath(path).catch(async () => {
    const folder = dirname(path);
    return folder === path ? path : join(await realPath(folder), basename(path));
  });
}

/** The file with the fingerprints, one a line, of files that this user has allowed. */
export const allowedFile = (env: Environment): string => join(stateFolder(env), 'allowed-files');

/** True where this user has allowed a file with exactly this text. */
export async function isAllowed(text: string, env: Environment): Promise<boolean> {
  const lines = (await readFile(allowedFile(env), 'utf8').catch(() => '')).split('\n');
  return lines.some((line) => line.trim() === fingerprintOf(text));
}

/** The command that allows a file with this text. */
export const allowCommand = (text: string, env: Environment): string =>
  `echo ${printCommand([fingerprintOf(text)])} >> ${printCommand([allowedFile(env)])}`;

const fingerprintOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Reads regular files only: a pipe could give drover one text and ssh another. */
async function readConfigOf(path: string, real: string): Promise<string> {
  try {
    if ((await stat(real)).isFile() && !/^\/(?:proc|sys|dev)\//.test(real))
      return await readTextBounded(real, sshConfigBytes);
    throw new UnreadableFile('it is not a regular file');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('usage', `cannot use "${path}": ${why}`, { cause: error });
  }
}

/**
 * Refuses an ssh_config that came with a folder and can start programs (`ProxyCommand`, `Match exec`, `Include` and the
 * like), unless this user has allowed it as it is. Throws `usage`.
 */
export async function refuseUnknownPrograms(path: string, env: Environment): Promise<void> {
  const real = await realpath(path).catch(() => undefined);
  // ssh itself reports a missing file.
  if (real === undefined || ownFolders(env).some((folder) => real.startsWith(folder + sep))) return;
  const text = await readConfigOf(path, real);
  const found = programIn(text);
  if (found === undefined || (await isAllowed(text, env))) return;
  throw new AppError(
    'usage',
    `cannot use "${path}": it can start programs on this machine ("${found.keyword}" in line ${found.line}), and you have not allowed it`,
    { hint: `read the file; if you trust it: ${allowCommand(text, env)}` },
  );
}
