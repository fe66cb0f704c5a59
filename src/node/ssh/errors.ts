import { defined } from '../../model/defined.ts';
import { AppError, isAbort } from '../../model/errors.ts';
import type { SshTarget } from './config.ts';
import { fingerprint, type HostKeyVerdict, keyType, knownHostName } from './known-hosts.ts';

/** The connection was lost while it was in use; retryable. */
export function lostConnection(node: string, cause?: unknown): AppError {
  // This side has closed it, with the reason.
  if (cause instanceof AppError) return cause;
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  return new AppError('connection-failed', `lost the connection to "${node}"${why}`, {
    retryable: true,
    details: { node },
    ...defined({ cause }),
  });
}

/** `cancelled` for an operation that the caller's signal stopped. */
export function cancelled(what: string, node: string, cause?: unknown): AppError {
  return new AppError('cancelled', `cannot ${what} on "${node}": cancelled`, { cause });
}

/** The host's key is not pinned: `host-key-unknown` or `host-key-changed`. */
export function hostKeyError(node: string, target: SshTarget, key: Buffer, verdict: HostKeyVerdict): AppError {
  const print = fingerprint(key);
  const type = keyType(key);
  const at = target.alias === node ? '' : ` at "${target.alias}"`;
  const details = { node, host: target.host, port: target.port, keyType: type, fingerprint: print };
  if (verdict.status === 'unknown' || verdict.status === 'known') {
    const authority = verdict.status === 'unknown' ? verdict.authority : undefined;
    const besides =
      authority === undefined
        ? ''
        : `, and the authority in ${authority.entry.file}:${authority.entry.line} does not certify it: ${authority.why}`;
    return new AppError(
      'host-key-unknown',
      `cannot trust "${node}"${at}: its ${type} key ${print} is not known${besides}`,
      {
        hint: `compare it with "ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub" on the node, then run "drover trust ${node} --fingerprint ${print}"`,
        details,
      },
    );
  }
  const place = `${verdict.entry.file}:${verdict.entry.line}`;
  const name = target.hostKeyAlias ?? knownHostName(target.host, target.port);
  const [what, hint] =
    verdict.status === 'revoked'
      ? [`its ${type} key ${print} is revoked in ${place}`, 'give the node a new host key']
      : [
          `its ${type} key ${print} is not the one in ${place}`,
          `find out why it changed; if the node was reinstalled, run "ssh-keygen -R '${name}' -f '${verdict.entry.file}'" and trust the new key`,
        ];
  return new AppError('host-key-changed', `cannot trust "${node}"${at}: ${what}`, { hint, details });
}

/** The error for a failure of ssh2 or the socket before the connection is ready, with the hint that fits. */
export function connectError(node: string, target: SshTarget, error: unknown, locked: readonly string[]): AppError {
  if (error instanceof AppError) return error;
  const where = `"${node}" (${target.user}@${target.host}:${target.port})`;
  const why = error instanceof Error ? error.message : String(error);
  const details = { node, host: target.host, port: target.port, user: target.user };
  if (error instanceof Error && 'level' in error && error.level === 'client-authentication') {
    return refusedLogin(where, details, error, locked);
  }
  if (error instanceof WantsMore) {
    return new AppError('connection-failed', `cannot log in to ${where}: ${why}`, {
      hint: 'drover can only use a key: set AuthenticationMethods to publickey for this login in sshd_config',
      details,
      cause: error,
    });
  }
  if (isAbort(error)) return new AppError('cancelled', `cannot connect to ${where}: cancelled`, { cause: error });
  // A server that closes before it sends its version is overloaded (MaxStartups) or penalises this address.
  const tooMany = /too many authentication failures/i.test(why);
  const early = /before handshake|ECONNRESET|socket hang up/i.test(why);
  return new AppError('connection-failed', `cannot connect to ${where}: ${why}`, {
    ...(tooMany
      ? {
          hint: `name the key in the ssh configuration of "${target.alias}" (IdentityFile, with IdentitiesOnly yes), or as "identityFile" of the node`,
        }
      : {}),
    ...(early
      ? { hint: 'wait a minute: OpenSSH 9.8 and newer refuse an address for a while after failed logins' }
      : {}),
    retryable: !tooMany && !/no matching|unsupported|does not speak SSH/i.test(why),
    details,
    cause: error,
  });
}

/** A login that another key would not change. */
class WantsMore extends Error {
  readonly methods: readonly string[];
  constructor(methods: readonly string[]) {
    super(`its key is accepted, but the server also requires ${methods.join(' or ')}`);
    this.methods = methods;
  }
}

/** The server accepted the key and also requires one of these methods (AuthenticationMethods). */
export function wantsMore(methods: readonly string[]): Error {
  return new WantsMore(methods);
}

/** The error for a server that does not speak SSH; undefined for an SSH server or a silent one. `first`: its first bytes. */
export function foreignServer(first: Buffer | undefined): Error | undefined {
  const said = first?.toString('latin1', 0, 1024);
  if (said === undefined || /^SSH-/m.test(said)) return undefined;
  const line = said
    .split(/[\r\n]/, 1)[0]
    ?.replace(/[^ -~]/g, '')
    .slice(0, 80);
  return new Error(`the server does not speak SSH: it sent "${line}"`);
}

function refusedLogin(
  where: string,
  details: Readonly<Record<string, string | number>>,
  cause: Error,
  locked: readonly string[],
): AppError {
  const hint =
    locked.length > 0
      ? `run "ssh-add ${locked.join(' ')}": the key has a passphrase and is not in the agent`
      : 'add a key the node accepts to the agent with "ssh-add", or name it as "identityFile" of the node';
  return new AppError('connection-failed', `cannot log in to ${where}: no key is accepted`, { hint, details, cause });
}
