import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import type { NodeSettings } from '../../model/config.ts';
import { defined } from '../../model/defined.ts';
import { AppError } from '../../model/errors.ts';
import { programOutputBytes } from '../../model/limits.ts';
import { type Environment, programFailure } from '../command.ts';
import type { AskedAlgorithms } from './algorithms.ts';
import { refuseUnknownPrograms } from './allowed-files.ts';

/** How to reach one host: what ssh_config says, overridden by the node's settings. */
export interface SshTarget {
  /** As the user wrote it; shown in messages. */
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** In the order to try; files need not exist. */
  readonly identityFiles: readonly string[];
  /** The first identity file was named in the node's settings: tried before the agent's keys, and must be readable. */
  readonly ownIdentity: boolean;
  readonly identitiesOnly: boolean;
  /** Socket of the agent; absent where there is none. */
  readonly agent?: string;
  /** Certificates that ssh_config names for the user's keys; the one next to a key file is always found. */
  readonly certificateFiles: readonly string[];
  /** The user's files first; new keys go into the first one. */
  readonly knownHostsFiles: readonly string[];
  /** A new key is written with the host's name hashed. */
  readonly hashKnownHosts: boolean;
  /** A file of keys that no host may have; it must be readable. */
  readonly revokedHostKeys?: string;
  /** A program, with its arguments, that prints more known_hosts lines; tokens that depend on the key are not expanded. */
  readonly knownHostsCommand?: readonly string[];
  /** Accepted signatures of certificate authorities (CASignatureAlgorithms); absent: ssh's defaults. */
  readonly authorityAlgorithms?: readonly string[];
  readonly algorithms: AskedAlgorithms;
  /** The only address family to use (AddressFamily). */
  readonly family?: 4 | 6;
  readonly localAddress?: string;
  /** The name in known_hosts files instead of host and port. */
  readonly hostKeyAlias?: string;
  /** `[user@]host[:port]`, first hop first. */
  readonly jump: readonly string[];
  /** With its % tokens expanded. */
  readonly proxyCommand?: string;
}

type Options = ReadonlyMap<string, readonly string[]>;

/** `ssh -G` output: lower-case option → values in order. */
export function parseSshOptions(text: string): Options {
  const options = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] = /^(\S+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const values = options.get(name) ?? [];
    options.set(name, [...values, value.trim()]);
  }
  return options;
}

/** Parses `[user@]host[:port]` or `ssh://…`; an IPv6 address with a port is in brackets. */
export function parseHop(text: string): { readonly host: string; readonly user?: string; readonly port?: number } {
  const bare = text.replace(/^ssh:\/\//, '').replace(/\/$/, '');
  const at = bare.lastIndexOf('@');
  const user = at < 0 ? undefined : bare.slice(0, at);
  const match = /^(?:\[([^\]]+)\]|([^:]+)|(.*:.*:.*))(?::(\d+))?$/.exec(bare.slice(at + 1));
  const host = match?.[1] ?? match?.[2] ?? match?.[3];
  if (host === undefined) {
    throw new AppError('usage', `cannot use the jump host "${text}": it is not [user@]host[:port]`);
  }
  return { host, ...(user ? { user } : {}), ...(match?.[4] === undefined ? {} : { port: Number(match[4]) }) };
}

/**
 * Asks the local ssh program (`ssh -G`, which does not connect) and applies the node's settings. Without an ssh program,
 * uses the settings and ssh's defaults, with a note. Throws `usage` where ssh refuses the configuration, where it asks
 * for something that drover cannot do, and where it came with a folder and can start programs that the user has not
 * allowed.
 */
export async function resolveTarget(
  alias: string,
  settings: NodeSettings,
  env: Environment,
  note: (text: string) => void,
): Promise<SshTarget> {
  if (settings.sshConfigFile !== undefined) await refuseUnknownPrograms(expandHome(settings.sshConfigFile, env), env);
  const [text, defaults] = await Promise.all([askSsh(alias, settings, env), askDefaults(env)]);
  if (text === undefined) {
    note(`no "ssh" program on this machine: "${alias}" is reached without the user's ssh configuration`);
  }
  const options = parseSshOptions(text ?? '');
  refuseUnsupported(alias, options);
  if (options.get('pkcs11provider')?.[0] !== undefined && options.get('pkcs11provider')?.[0] !== 'none') {
    note(`PKCS11Provider of "${alias}" is not used: add the key to the agent with "ssh-add -s"`);
  }
  return makeTarget(alias, settings, options, env, parseSshOptions(defaults ?? ''));
}

/** Throws `usage` for options that change who is trusted or how the host is reached, and that drover does not have. */
function refuseUnsupported(alias: string, options: Options): void {
  const value = (name: string): string | undefined => options.get(name.toLowerCase())?.[0];
  const refuse = (option: string, why: string, hint: string): never => {
    throw new AppError(
      'usage',
      `cannot connect to "${alias}": its ssh configuration has ${option} ${value(option)}: ${why}`,
      {
        hint,
        details: { option, value: value(option) ?? '' },
      },
    );
  };
  if (['no', 'false'].includes(value('PubkeyAuthentication') ?? '')) {
    refuse(
      'PubkeyAuthentication',
      'drover logs in with a key only',
      'allow it for this host: PubkeyAuthentication yes',
    );
  }
  const methods = value('PreferredAuthentications')?.split(',');
  if (methods !== undefined && !methods.includes('publickey')) {
    refuse('PreferredAuthentications', 'drover logs in with a key only', 'add publickey to it for this host');
  }
  const isProxied = value('ProxyCommand') !== undefined && value('ProxyCommand') !== 'none';
  if (isProxied && ['yes', 'true'].includes(value('ProxyUseFdpass') ?? '')) {
    refuse(
      'ProxyUseFdpass',
      'drover cannot take a socket over',
      'let ProxyCommand pass the data itself: ProxyUseFdpass no',
    );
  }
  if (value('BindInterface') !== undefined && value('BindInterface') !== 'none') {
    refuse('BindInterface', 'drover cannot choose an interface', "name the interface's address instead: BindAddress");
  }
}

/** ssh's options without a configuration file, by PATH: they depend on the ssh program alone. */
const defaultsOf = new Map<string, Promise<string | undefined>>();

function askDefaults(env: Environment): Promise<string | undefined> {
  const key = env.PATH ?? '';
  const asked = defaultsOf.get(key) ?? runSsh(['-G', '-F', 'none', '--', 'localhost'], env).catch(() => undefined);
  defaultsOf.set(key, asked);
  return asked;
}

function askSsh(alias: string, settings: NodeSettings, env: Environment): Promise<string | undefined> {
  const args = [
    '-G',
    ...(settings.sshConfigFile === undefined ? [] : ['-F', expandHome(settings.sshConfigFile, env)]),
    ...(settings.user === undefined ? [] : ['-l', settings.user]),
    ...(settings.port === undefined ? [] : ['-p', String(settings.port)]),
    '--',
    alias,
  ];
  return runSsh(args, env).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new AppError('usage', `cannot read the ssh configuration for "${alias}": ${why}`, { cause: error });
  });
}

/** The output of ssh; undefined without an ssh program. Rejects with its error output as one line. */
function runSsh(args: readonly string[], env: Environment): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // `Match exec` may run programs of the user, which get 10 s.
    const limits = { env: { ...env }, timeout: 10_000, maxBuffer: programOutputBytes };
    execFile('ssh', args, limits, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') resolve(undefined);
      else reject(programFailure(error, stderr));
    });
  });
}

/**
 * The target from the node's settings, then ssh's options, then ssh's defaults. `defaults` are ssh's options without a
 * configuration: an option that differs from them was set by the user. Pure, except that it reads the names of the user,
 * the home and this machine.
 */
export function makeTarget(
  alias: string,
  settings: NodeSettings,
  options: Options,
  env: Environment,
  defaults: Options = new Map(),
): SshTarget {
  const one = (name: string): string | undefined => {
    const value = options.get(name)?.[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  const host = one('hostname') ?? alias;
  const port = settings.port ?? Number(one('port') ?? 22);
  const user = settings.user ?? one('user') ?? env.USER ?? userInfo().username;
  const jump = settings.jump ?? one('proxyjump') ?? '';
  const hostKeyAlias = one('hostkeyalias');
  const tokens = tokensOf({ alias, host, port, user, jump, hostKeyAlias, home: homeOf(env) });
  const path = (text: string): string => expandHome(expandTokens(expandVariables(text, env), tokens), env);
  const [revoked, command, bindAddress] = [one('revokedhostkeys'), one('knownhostscommand'), one('bindaddress')];
  const family = ({ inet: 4, inet6: 6 } as const)[one('addressfamily') ?? ''];
  const authorityAlgorithms = one('casignaturealgorithms')?.split(',');
  const identities = (options.get('identityfile') ?? defaultIdentities).filter((file) => file !== 'none').map(path);
  const own = settings.identityFile === undefined ? [] : [expandHome(settings.identityFile, env)];
  const agent = agentOf(one('identityagent'), options.get('identityagent')?.[0], env, path);
  const proxyCommand = settings.jump === undefined ? one('proxycommand') : undefined;
  return {
    alias,
    host,
    port,
    user,
    identityFiles: [...own, ...identities.filter((file) => !own.includes(file))],
    ownIdentity: own.length > 0,
    identitiesOnly: one('identitiesonly') === 'yes',
    ...defined({ agent }),
    certificateFiles: (options.get('certificatefile') ?? []).filter((file) => file !== 'none').map(path),
    knownHostsFiles: knownHostsFiles(settings, options, env, path),
    hashKnownHosts: one('hashknownhosts') === 'yes',
    algorithms: askedAlgorithms(options, defaults),
    ...(revoked === undefined ? {} : { revokedHostKeys: path(revoked) }),
    ...(command === undefined
      ? {}
      : { knownHostsCommand: splitWords(command).map((word) => expandTokens(word, tokens)) }),
    ...defined({ authorityAlgorithms, family, localAddress: bindAddress, hostKeyAlias }),
    jump: jump.split(',').filter((hop) => hop !== '' && hop !== 'none'),
    ...(proxyCommand === undefined ? {} : { proxyCommand: expandTokens(proxyCommand, tokens) }),
  };
}

/** Only what the configuration sets: drover's defaults have another order than ssh's, and no SHA-1. */
function askedAlgorithms(options: Options, defaults: Options): AskedAlgorithms {
  const asked = (name: string): readonly string[] | undefined => {
    const value = options.get(name)?.[0];
    return value === undefined || value === defaults.get(name)?.[0] ? undefined : value.split(',');
  };
  const all = {
    ciphers: asked('ciphers'),
    macs: asked('macs'),
    kex: asked('kexalgorithms'),
    hostKey: asked('hostkeyalgorithms'),
    publicKey: asked('pubkeyacceptedalgorithms'),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const defaultIdentities = ['~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519'];
const defaultUserFiles = '~/.ssh/known_hosts ~/.ssh/known_hosts2';
const defaultGlobalFiles = '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2';

/** `knownHostsFile` replaces the user's files, as `-o UserKnownHostsFile` does; the machine's files stay. */
function knownHostsFiles(
  settings: NodeSettings,
  options: Options,
  env: Environment,
  path: (text: string) => string,
): string[] {
  const list = (name: string, otherwise: string): string[] =>
    splitPaths(options.get(name)?.[0] ?? otherwise).filter((file) => file !== 'none');
  const user =
    settings.knownHostsFile === undefined
      ? list('userknownhostsfile', defaultUserFiles).map(path)
      : [expandHome(settings.knownHostsFile, env)];
  return [...user, ...list('globalknownhostsfile', defaultGlobalFiles).map(path)];
}

/**
 * `ssh -G` prints several paths in one line, without quotes. A blank separates two paths only before a character that
 * can begin a path, so that blanks inside a path stay.
 */
export function splitPaths(text: string): string[] {
  return text
    .trim()
    .split(/\s+(?=[/~%]|\$\{)/)
    .flatMap((part) => (/^[/~%$]/.test(part) ? [part] : part.split(/\s+/)))
    .filter((part) => part !== '');
}

/** Splits a command into words as ssh does: at blanks outside of quotes and without a backslash before them. */
export function splitWords(text: string): string[] {
  const words = text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/g, (_all, double?: string, single?: string, escaped?: string) =>
      double === undefined ? (single ?? escaped ?? '') : double.replace(/\\(["\\])/g, '$1'),
    ),
  );
}

function agentOf(
  value: string | undefined,
  raw: string | undefined,
  env: Environment,
  path: (text: string) => string,
): string | undefined {
  const fromEnvironment = env.SSH_AUTH_SOCK === '' ? undefined : env.SSH_AUTH_SOCK;
  if (raw === 'none') return undefined;
  if (value === undefined || value === 'SSH_AUTH_SOCK') return fromEnvironment;
  return /^\$\w+$/.test(value) ? env[value.slice(1)] : path(value);
}

function homeOf(env: Environment): string {
  return env.HOME || homedir();
}

/** `~` and `~/…` as the user's home. */
export function expandHome(path: string, env: Environment): string {
  return path === '~' || path.startsWith('~/') ? join(homeOf(env), path.slice(1)) : path;
}

interface TokenSource {
  readonly alias: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly jump: string;
  readonly hostKeyAlias: string | undefined;
  readonly home: string;
}

/** ssh_config(5), TOKENS. */
function tokensOf(source: TokenSource): Readonly<Record<string, string>> {
  const { alias, host, port, user, jump, hostKeyAlias, home } = source;
  const { username, uid } = userInfo();
  const local = hostname();
  const connection = createHash('sha1').update(`${local}${host}${port}${user}${jump}`).digest('hex');
  return {
    '%': '%',
    C: connection,
    d: home,
    h: host,
    i: String(uid),
    j: jump,
    k: hostKeyAlias ?? alias,
    L: local.split('.', 1)[0] ?? local,
    l: local,
    n: alias,
    p: String(port),
    r: user,
    u: username,
  };
}

/** Unknown tokens stay: those of KnownHostsCommand that depend on the key are expanded later. */
export function expandTokens(text: string, tokens: Readonly<Record<string, string>>): string {
  return text.replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}

/** `${NAME}` from the environment. Throws `usage` for one that is not set, as ssh does. */
function expandVariables(text: string, env: Environment): string {
  return text.replace(/\$\{([^}]*)\}/g, (whole, name: string) => {
    const value = env[name];
    if (value !== undefined) return value;
    throw new AppError('usage', `cannot read the ssh configuration: ${whole} in "${text}" is not in the environment`);
  });
}
