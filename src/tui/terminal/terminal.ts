import { closeSync, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { ExecSession } from '../../engine/node-client.ts';
import { plainText } from '../../model/plain-text.ts';
import type { TtyInput, TtyOutput } from '../deps.ts';
import type { InputEvent } from './input-event.ts';
import { restoreTitle, saveTitle } from './modes.ts';
import type { PassThroughEnd } from './pass-through.ts';
import type { Presenter } from './presenter.ts';
import { createTerminalOwner } from './terminal-owner.ts';
import { createWriter } from './writer.ts';

export interface TerminalDeps {
  readonly stdin: TtyInput;
  readonly stdout: TtyOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: InputEvent) => void;
  /** Calls back at SIGINT, SIGTERM and SIGHUP; each restores the terminal. */
  readonly onSignal: (listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) => () => void;
  /** Calls back when the process ends and before it prints why it crashed; nothing asynchronous happens after it. */
  readonly onEnd?: (listener: () => void) => () => void;
  /** Calls back when the process continues after another process has stopped it. */
  readonly onContinue?: (listener: () => void) => () => void;
  /** Stops this process as ctrl+z in a shell does; returns when it continues. */
  readonly suspend: () => void;
  readonly mouse?: boolean;
  /** Frames a second at most; 12 by default. */
  readonly maxFps?: number;
}

/** The terminal while the screen uses it. */
export interface Terminal {
  readonly presenter: Presenter;
  /** Restores the terminal. Later calls of any function do nothing. May be called at any time, more than once. */
  readonly close: () => void;
  readonly isClosed: () => boolean;
  /** Restores the terminal for an editor or a shell; the screen comes back when the work has ended. */
  readonly handOver: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * Connects the terminal with a remote program until it ends or ctrl+] is pressed. The caller closes the remote program.
   * Rejects where the connection breaks.
   */
  readonly passThrough: (remote: ExecSession, banner?: string) => Promise<PassThroughEnd>;
  /** Puts the process to sleep as ctrl+z does. */
  readonly suspend: () => void;
  readonly setTitle: (title: string) => void;
  readonly bell: () => void;
  readonly notify: (title: string, text: string) => void;
  /** To the clipboard of the user's own machine; false where the text is too long for a terminal. */
  readonly copy: (text: string) => boolean;
}

/** Takes the terminal: raw keys, alternate screen. Restores it however the program ends. */
export function openTerminal(deps: TerminalDeps): Terminal {
  const { stdout, env } = deps;
  const writer = createWriter(stdout);
  const owner = createTerminalOwner(deps, writer);
  // The terminals of tests are not the streams of the process.
  const isReal = stdout.isTTY === true && 'fd' in stdout;
  let hasTitle = false;

  const close = (how: 'in-order' | 'now'): void => {
    const isFirst = owner.state() !== 'closed';
    owner.close(how);
    if (!isFirst) return;
    for (const stop of subscriptions) stop();
    if (hasTitle) writer.writeLast(restoreTitle, how);
    if (isReal) replaceGone();
    void writer.drained().then(forget);
  };
  const write = (text: string): void => {
    if (owner.state() !== 'closed') writer.write(text);
  };
  // A terminal that is gone is not an error here: SIGHUP ends the program.
  const ignore = (): void => undefined;
  for (const stream of [stdout, deps.stdin]) stream.on('error', ignore);
  const stops = [deps.onSignal(() => close('in-order')), deps.onContinue?.(owner.takeAgain)];
  const subscriptions = stops.flatMap((stop) => (stop === undefined ? [] : [stop]));
  const forgetEnd = deps.onEnd?.(() => close('now'));
  const forget = (): void => {
    forgetEnd?.();
    for (const stream of [stdout, deps.stdin]) stream.off('error', ignore);
  };
  owner.take();

  return {
    presenter: owner.presenter,
    close: () => close('in-order'),
    isClosed: () => owner.state() === 'closed',
    handOver: owner.handOver,
    passThrough: owner.passThrough,
    suspend: () => {
      if (owner.state() !== 'ours') return;
      owner.giveBack('now');
      deps.suspend();
      owner.take();
    },
    setTitle: (title) => {
      write((hasTitle ? '' : saveTitle) + titleSequence(title));
      hasTitle = owner.state() !== 'closed';
    },
    bell: () => write('\u0007'),
    notify: (title, text) => write(notificationSequence(title, text, env)),
    copy: (text) => {
      const sequence = clipboardSequence(text, env);
      if (sequence === undefined || owner.state() === 'closed') return false;
      write(sequence);
      return true;
    },
  };
}

/**
 * Puts the null device in the place of standard streams whose terminal has gone away: at its end Node.js sets the modes
 * of every terminal it began with, and aborts where that fails (`ResetStdio`). Nothing may be reading from them.
 */
function replaceGone(fds: readonly number[] = [0, 1, 2]): void {
  for (const fd of fds) {
    if (!isGone(fd)) continue;
    closeSync(fd);
    // Takes the lowest number that is free.
    if (openSync('/dev/null', 'r+') !== fd) return;
  }
}

/** A terminal that is gone is a device still, and answers like none. */
function isGone(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && !isatty(fd);
  } catch {
    return false;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Terminals forget or cut what is longer; measured in bytes of base64, as they do. */
const clipboardLimitBytes = 100_000;

/** Sets the window's title. */
export const titleSequence = (title: string): string => `\u001b]2;${plainText(title)}\u0007`;

/** The text for the terminal's clipboard (OSC 52); undefined where it is too long for it. */
export function clipboardSequence(text: string, env: Environment): string | undefined {
  const encoded = Buffer.from(text).toString('base64');
  if (encoded.length > clipboardLimitBytes) return undefined;
  const sequence = `\u001b]52;c;${encoded}\u0007`;
  // tmux keeps the one for itself (set-clipboard on) and hands the other on (allow-passthrough on).
  return env.TMUX === undefined ? sequence : sequence + throughTmux(sequence);
}

/** A notification of the desktop: OSC 777 where the terminal is known to understand it, else OSC 9. */
export function notificationSequence(title: string, text: string, env: Environment): string {
  const [head, body] = [plainText(title).replaceAll(';', ','), plainText(text).replaceAll(';', ',')];
  const knows777 =
    env.VTE_VERSION !== undefined ||
    /^(?:foot|rxvt)/.test(env.TERM ?? '') ||
    /^(?:WezTerm|ghostty)$/.test(env.TERM_PROGRAM ?? '');
  const sequence = knows777 ? `\u001b]777;notify;${head};${body}\u0007` : `\u001b]9;${head}: ${body}\u0007`;
  return env.TMUX === undefined ? sequence : throughTmux(sequence);
}

const throughTmux = (sequence: string): string =>
  `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`;
