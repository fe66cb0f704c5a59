import { execFile } from 'node:child_process';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { NodeSettings } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import { refuseUnknownPrograms } from './allowed-files.ts';

/** This process's environment, as far as it decides how a host is reached. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How to reach one host: what ssh_config says, overridden by the node's settings. */
export interface SshTarget {
  /** As given by the user; shown in messages. */
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
  /** Files of the user first; the first one is written to. */
  readonly knownHostsFiles: readonly string[];
  /** Name to look up instead of host and port. */
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

/** `[user@]host[:port]` or `ssh://…`; addresses of IPv6 with a port are in brackets. */
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
 * Asks the ssh program of this machine (`ssh -G`, which connects to nothing) and applies the node's settings. Without
 * an ssh program: the settings and ssh's defaults, with a note. Throws `usage` where ssh refuses the configuration, or where
 * it came with a folder and can start programs that nobody allowed.
 */
export async function resolveTarget(
  alias: string,
  settings: NodeSettings,
  env: Environment,
  note: (text: string) => void,
): Promise<SshTarget> {
  if (settings.sshConfigFile !== undefined) await refuseUnknownPrograms(expandHome(settings.sshConfigFile, env), env);
  const text = await askSsh(alias, settings, env);
  if (text === undefined) {
    note(`no "ssh" program on this machine: "${alias}" is reached without the user's ssh configuration`);
  }
  return makeTarget(alias, settings, parseSshOptions(text ?? ''), env);
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
  return new Promise((resolve, reject) => {
    // `Match exec` may run programs of the user's; they get 10 s.
    execFile('ssh', args, { env: { ...env }, timeout: 10_000, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (error.code === 'ENOENT') resolve(undefined);
      else {
        const why = stderr.trim() || error.message;
        reject(new AppError('usage', `cannot read the ssh configuration for "${alias}": ${why}`, { cause: error }));
      }
    });
  });
}

/** Settings over options over ssh's defaults; pure but for the user's name and home. */
export function makeTarget(alias: string, settings: NodeSettings, options: Options, env: Environment): SshTarget {
  const one = (name: string): string | undefined => {
    const value = options.get(name)?.[0];
    return value === undefined || value === 'none' ? undefined : value;
  };
  const host = one('hostname') ?? alias;
  const port = settings.port ?? Number(one('port') ?? 22);
  const user = settings.user ?? one('user') ?? env.USER ?? userInfo().username;
  const tokens = { h: host, p: String(port), r: user, n: alias, d: homeOf(env), u: userInfo().username, '%': '%' };
  const path = (text: string): string => expandHome(expandTokens(text, tokens), env);
  const identities = (options.get('identityfile') ?? defaultIdentities).filter((file) => file !== 'none').map(path);
  const own = settings.identityFile === undefined ? [] : [expandHome(settings.identityFile, env)];
  const agent = agentOf(one('identityagent'), options.get('identityagent')?.[0], env, path);
  const proxyCommand = settings.jump === undefined ? one('proxycommand') : undefined;
  const hostKeyAlias = one('hostkeyalias');
  return {
    alias,
    host,
    port,
    user,
    identityFiles: [...own, ...identities.filter((file) => !own.includes(file))],
    ownIdentity: own.length > 0,
    identitiesOnly: one('identitiesonly') === 'yes',
    ...(agent === undefined ? {} : { agent }),
    knownHostsFiles: knownHostsFiles(settings, options, env, path),
    ...(hostKeyAlias === undefined ? {} : { hostKeyAlias }),
    jump: (settings.jump ?? one('proxyjump') ?? '').split(',').filter((hop) => hop !== '' && hop !== 'none'),
    ...(proxyCommand === undefined ? {} : { proxyCommand: expandTokens(proxyCommand, tokens) }),
  };
}

const defaultIdentities = ['~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ed25519'];
const defaultUserFiles = '~/.ssh/known_hosts ~/.ssh/known_hosts2';
const defaultGlobalFiles = '/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2';

/** The settings' file stands in for the user's own, as `-o UserKnownHostsFile` does; the machine's files stay. */
function knownHostsFiles(
  settings: NodeSettings,
  options: Options,
  env: Environment,
  path: (text: string) => string,
): string[] {
  const list = (name: string, otherwise: string): string[] =>
    (options.get(name)?.[0] ?? otherwise).split(/\s+/).filter((file) => file !== '' && file !== 'none');
  const user =
    settings.knownHostsFile === undefined
      ? list('userknownhostsfile', defaultUserFiles).map(path)
      : [expandHome(settings.knownHostsFile, env)];
  return [...user, ...list('globalknownhostsfile', defaultGlobalFiles).map(path)];
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
  return value.startsWith('$') ? env[value.slice(1)] : path(value);
}

function homeOf(env: Environment): string {
  return env.HOME || homedir();
}

/** `~` and `~/…` as the user's home. */
export function expandHome(path: string, env: Environment): string {
  return path === '~' || path.startsWith('~/') ? join(homeOf(env), path.slice(1)) : path;
}

function expandTokens(text: string, tokens: Readonly<Record<string, string>>): string {
  return text.replace(/%(.)/g, (whole, token: string) => tokens[token] ?? whole);
}
