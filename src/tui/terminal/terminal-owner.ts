import type { ExecSession } from '../../engine/node-client.ts';
import type { TtyInput, TtyOutput } from '../deps.ts';
import type { InputEvent } from './input-event.ts';
import { createInputRouter, type InputRouter } from './input-router.ts';
import { resetAfterOthers } from './modes.ts';
import type { PassThrough, PassThroughEnd } from './pass-through.ts';
import { connectTerminal } from './pass-through.ts';
import type { Presenter } from './presenter.ts';
import { createPresenter } from './presenter.ts';
import type { TerminalWriter } from './writer.ts';

/** Who uses the terminal: this program, a program that it was lent to, a remote program, or no one any more. */
export type OwnerState = 'ours' | 'lent' | 'passing' | 'closed';

/** Takes the terminal and gives it back, in every order in which that can happen. */
export interface TerminalOwner {
  readonly presenter: Presenter;
  readonly state: () => OwnerState;
  readonly take: () => void;
  readonly giveBack: (how: 'in-order' | 'now') => void;
  /** Sets the terminal's modes again: another program may have changed them. */
  readonly takeAgain: () => void;
  readonly close: (how: 'in-order' | 'now') => void;
  readonly handOver: <T>(work: () => Promise<T>) => Promise<T>;
  readonly passThrough: (remote: ExecSession, banner?: string) => Promise<PassThroughEnd>;
}

export interface OwnerDeps {
  readonly stdin: TtyInput;
  readonly stdout: TtyOutput;
  readonly onEvent: (event: InputEvent) => void;
  readonly mouse?: boolean;
  readonly maxFps?: number;
}

interface ScreenParts {
  readonly stdin: TtyInput;
  readonly writer: TerminalWriter;
  readonly router: InputRouter;
  readonly presenter: Presenter;
}

/** Switches the terminal to this program's screen and back. */
function createScreenSwitch({ stdin, writer, router, presenter }: ScreenParts) {
  const setRaw = (on: boolean): void => {
    try {
      stdin.setRawMode?.(on);
    } catch {
      // The terminal is gone.
    }
  };
  return {
    enter: (): void => {
      writer.setNonBlocking(true);
      setRaw(true);
      router.start();
      presenter.enter();
    },
    giveBack: (how: 'in-order' | 'now'): void => {
      presenter.leave(how);
      router.stop();
      setRaw(false);
      if (how === 'now' || writer.isIdle()) writer.setNonBlocking(false);
    },
  };
}

export function createTerminalOwner(deps: OwnerDeps, writer: TerminalWriter): TerminalOwner {
  const { stdin, stdout, maxFps, mouse = false } = deps;
  const presenter = createPresenter(stdout, { writer, mouse, ...(maxFps === undefined ? {} : { maxFps }) });
  const router = createInputRouter(stdin, deps.onEvent);
  let state: OwnerState = 'ours';
  let passage: PassThrough | undefined;
  const is = (wanted: OwnerState): boolean => state === wanted;

  const { enter, giveBack } = createScreenSwitch({ stdin, writer, router, presenter });
  const take = (): void => {
    state = 'ours';
    enter();
  };
  const close = (how: 'in-order' | 'now'): void => {
    const before = state;
    state = 'closed';
    passage?.close();
    if (before === 'passing') writer.writeNow(resetAfterOthers);
    if (before === 'ours' || before === 'passing') giveBack(how);
    // The process ends before a slow terminal has taken what was written in order: this is the last chance. The cursor
    // does not move, because something may have been printed since.
    if (before === 'closed' && how === 'now' && !writer.isIdle()) writer.writeNow(resetAfterOthers);
  };
  const handOver = async <T>(work: () => Promise<T>): Promise<T> => {
    if (state !== 'ours') return work();
    giveBack('in-order');
    state = 'lent';
    try {
      await writer.drained();
      writer.setNonBlocking(false);
      return await work();
    } finally {
      if (is('lent')) take();
    }
  };
  const passThrough = async (remote: ExecSession, banner?: string): Promise<PassThroughEnd> => {
    if (state !== 'ours') return { how: 'closed' };
    presenter.leave();
    state = 'passing';
    if (banner !== undefined) writer.write(`${banner}\r\n`);
    passage = connectTerminal({ remote, out: stdout, writer, router });
    try {
      return await passage.ended;
    } finally {
      passage = undefined;
      if (is('passing')) {
        state = 'ours';
        writer.write(resetAfterOthers);
        presenter.enter();
      }
    }
  };

  return {
    presenter,
    state: () => state,
    take,
    giveBack,
    takeAgain: () => {
      if (state !== 'ours') return;
      giveBack('now');
      take();
    },
    close,
    handOver,
    passThrough,
  };
}
