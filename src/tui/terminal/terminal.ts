import type { ExecSession } from '../../engine/node-client.ts';
import type { TtyInput, TtyOutput } from '../deps.ts';
import { replaceGone } from './detached-stdio.ts';
import type { InputEvent } from './input-event.ts';
import { restoreTitle, saveTitle } from './modes.ts';
import { clipboardSequence, notificationSequence, titleSequence } from './osc.ts';
import type { PassThroughEnd } from './pass-through.ts';
import type { Presenter } from './presenter.ts';
import { createHold } from './terminal-owner.ts';
import { createWriter } from './writer.ts';

export interface TerminalDeps {
  readonly stdin: TtyInput;
  readonly stdout: TtyOutput;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onEvent: (event: InputEvent) => void;
  /** Calls back at SIGINT, SIGTERM and SIGHUP; the terminal is restored at each. */
  readonly onSignal: (listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void) => () => void;
  /** Calls back, and waits for nothing, when the process ends and before it prints why it crashed. */
  readonly onEnd?: (listener: () => void) => () => void;
  /** Calls back when the process goes on after it was stopped from outside. */
  readonly onContinue?: (listener: () => void) => () => void;
  /** Stops this process as ctrl+z in a shell does; returns when it goes on. */
  readonly suspend: () => void;
  readonly mouse?: boolean;
  /** Frames a second at most; 12 unless told. */
  readonly maxFps?: number;
}

/** The terminal while it is ours. */
export interface TerminalSession {
  readonly presenter: Presenter;
  /** Gives the terminal back as it was; what is called after that does nothing. May be called at any time and often. */
  readonly close: () => void;
  readonly isClosed: () => boolean;
  /** Lends the terminal, as it was before, to an editor or a shell; the screen comes back when the work ended. */
  readonly handOver: <T>(work: () => Promise<T>) => Promise<T>;
  /**
   * Connects the terminal with a remote program until it ends or ctrl+] is pressed; whoever opened it closes it.
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

/** Takes the terminal: raw keys, alternate screen; and makes sure that it is given back however the program ends. */
export function openTerminal(deps: TerminalDeps): TerminalSession {
  const { stdout, env } = deps;
  const writer = createWriter(stdout);
  const hold = createHold(deps, writer);
  // Tests have made-up terminals, whose streams are not those of the process.
  const isReal = stdout.isTTY === true && 'fd' in stdout;
  let hasTitle = false;

  const close = (how: 'in-order' | 'now'): void => {
    const isFirst = hold.state() !== 'closed';
    hold.close(how);
    if (!isFirst) return;
    for (const stop of subscriptions) stop();
    if (hasTitle) writer.writeLast(restoreTitle, how);
    if (isReal) replaceGone();
    void writer.drained().then(forget);
  };
  const write = (text: string): void => {
    if (hold.state() !== 'closed') writer.write(text);
  };
  // A terminal that is gone breaks nothing here: SIGHUP ends the program.
  const ignore = (): void => undefined;
  for (const stream of [stdout, deps.stdin]) stream.on('error', ignore);
  const stops = [deps.onSignal(() => close('in-order')), deps.onContinue?.(hold.takeAnew)];
  const subscriptions = stops.flatMap((stop) => (stop === undefined ? [] : [stop]));
  const forgetEnd = deps.onEnd?.(() => close('now'));
  const forget = (): void => {
    forgetEnd?.();
    for (const stream of [stdout, deps.stdin]) stream.off('error', ignore);
  };
  hold.take();

  return {
    presenter: hold.presenter,
    close: () => close('in-order'),
    isClosed: () => hold.state() === 'closed',
    handOver: hold.handOver,
    passThrough: hold.passThrough,
    suspend: () => {
      if (hold.state() !== 'ours') return;
      hold.giveBack('now');
      deps.suspend();
      hold.take();
    },
    setTitle: (title) => {
      write((hasTitle ? '' : saveTitle) + titleSequence(title));
      hasTitle = hold.state() !== 'closed';
    },
    bell: () => write('\u0007'),
    notify: (title, text) => write(notificationSequence(title, text, env)),
    copy: (text) => {
      const sequence = clipboardSequence(text, env);
      if (sequence === undefined || hold.state() === 'closed') return false;
      write(sequence);
      return true;
    },
  };
}
