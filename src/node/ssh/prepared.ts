import {
  type Argv,
  type CommandResult,
  type OpenSession,
  printCommand,
  type RunOptions,
  scriptDefinition,
  scriptInput,
} from '../command.ts';
import type { Executor } from './exec.ts';

/** An executor that can open the sessions of scripts before their arguments are known. */
export interface PreparedExecutor extends Pick<Executor, 'run' | 'spawn'> {
  /**
   * Opens a session for each of these scripts, in which bash has read the script and waits. The next command with that
   * script takes it: a script of `script`, or the text of an argv `bash -c TEXT NAME ARGS…`. Ends when all are open.
   * Never throws, since a command without such a session opens one of its own. Unused sessions end after two minutes.
   */
  prepare(scripts: readonly string[], signal: AbortSignal): Promise<void>;
  /** Runs a fixed script with `bash -s -- ARGS`, without input. */
  script(text: string, args: readonly string[], options: RunOptions): Promise<CommandResult>;
}

/** The other sessions of a connection stay free for commands that are running already. */
const maximumPrepared = 5;
const unusedMs = 120_000;
/** They run while an application is down, and on a busy node other processes can wait. Without the right to, `nice` only warns. */
const hurried: Argv = ['nice', '-n', '-10', 'bash', '-s'];

export function withPrepared(executor: Executor): PreparedExecutor {
  const prepared = new Map<string, OpenSession[]>();
  const take = (script: string | undefined): OpenSession | undefined => {
    const sessions = script === undefined ? undefined : prepared.get(script);
    for (let found = sessions?.shift(); found !== undefined; found = sessions?.shift()) {
      if (found.isWaiting()) return found;
    }
    return undefined;
  };
  let opening = 0;
  /** With those that are being opened: two switches may be prepared at the same time. */
  const countWaiting = (): number =>
    opening + [...prepared.values()].flat().filter((session) => session.isWaiting()).length;
  const open = async (script: string, signal: AbortSignal): Promise<void> => {
    opening += 1;
    const session = await executor.open(hurried, scriptDefinition(script), signal).finally(() => {
      opening -= 1;
    });
    prepared.set(script, [...(prepared.get(script) ?? []), session]);
    setTimeout(() => {
      if (session.isWaiting()) session.close();
    }, unusedMs).unref();
  };
  return {
    run: (argv, options) => {
      const { script, args } = partsOf(argv);
      return take(script)?.run(argv, `${printCommand(['drover', ...args])}\n`, options) ?? executor.run(argv, options);
    },
    spawn: (argv, signal) => {
      const { script, args } = partsOf(argv);
      return (
        take(script)?.spawn(argv, `${printCommand(['drover', ...args])}\n`, signal) ?? executor.spawn(argv, signal)
      );
    },
    script: (script, args, options) => {
      const argv: Argv = ['bash', '-s', '--', ...args];
      const session = take(script);
      if (session === undefined) {
        return executor.run(argv, { ...options, input: scriptInput(script) });
      }
      return session.run(argv, `${printCommand(['drover', ...args])} </dev/null\n`, options);
    },
    async prepare(scripts, signal) {
      const room = Math.max(0, maximumPrepared - countWaiting());
      await Promise.allSettled(scripts.slice(0, room).map((script) => open(script, signal)));
    },
  };
}

/** The script of an argv `bash -c TEXT NAME ARGS…`. */
function partsOf(argv: Argv): { readonly script: string | undefined; readonly args: readonly string[] } {
  const [shell, option, text, , ...args] = argv;
  return { script: shell === 'bash' && option === '-c' ? text : undefined, args };
}
