import type { CommandResult } from '../../src/node/command.ts';
import { commandFailed } from '../../src/node/command.ts';
import type { NodeConnection } from '../../src/node/ssh/connection.ts';

/** One command or script as it would be sent to the node. */
export interface Sent {
  /** The argv, or `script` with its text, then its arguments. */
  readonly words: readonly string[];
  readonly input?: string;
}

export interface ScriptedConnection extends NodeConnection {
  readonly sent: readonly Sent[];
}

/** A connection with the given answers; it treats exit codes as the real one does. */
export function scriptedConnection(answer: (sent: Sent) => Partial<CommandResult> = () => ({})): ScriptedConnection {
  const sent: Sent[] = [];
  const reply = async (one: Sent, okCodes: readonly number[] = [0]): Promise<CommandResult> => {
    sent.push(one);
    const result = { stdout: '', stderr: '', code: 0, ...answer(one) };
    if (!okCodes.includes(result.code)) throw commandFailed('node1', one.words, result.code, result.stderr);
    return result;
  };
  const unscripted = (): never => {
    throw new Error('not scripted');
  };
  return {
    node: 'node1',
    sent,
    run: (argv, options) =>
      reply(
        { words: argv, ...(options?.input === undefined ? {} : { input: String(options.input) }) },
        options?.okCodes,
      ),
    script: (text, args, options) => reply({ words: [text, ...args] }, options?.okCodes),
    prepare: async () => undefined,
    knock: async () => 'unknown' as const,
    spawn: unscripted,
    countSessions: async (asked) => asked,
    openUnixSocket: unscripted,
    remote: {
      host: 'node1',
      address: '10.0.0.1',
      port: 22,
      user: 'root',
      isRoot: true,
      hostKeys: ['ssh-ed25519 AAAA'],
    },
    closed: new AbortController().signal,
    close: async () => undefined,
  };
}
