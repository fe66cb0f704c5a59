import type { AppName } from '../model/config.ts';
import { AppError, isAbort, toReport } from '../model/errors.ts';
import { allowManyListeners } from '../model/many-listeners.ts';
import { plainText } from '../model/plain-text.ts';
import { listNames } from '../view/wording.ts';
import type { TuiDeps } from './deps.ts';
import { createLogReader } from './log-reader.ts';
import type { Message } from './screen.ts';
import type { Leaving } from './session.ts';
import type { Effect } from './state.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface EffectsInput {
  readonly deps: TuiDeps;
  readonly terminal: Terminal;
  readonly send: (message: Message) => void;
  /** Pictures of the present frame. */
  readonly picture: () => { readonly text: string; readonly ansi: string; readonly svg: string };
  readonly redraw: () => void;
  readonly leave: (how: Leaving) => void;
}

export interface Effects {
  run(effect: Effect): void;
  /** Stops everything that is running and waits for it. */
  close(): Promise<void>;
}

/** Does what the screen asks for. Every failure becomes a notice, so that the screen continues. */
export function createEffects(input: EffectsInput): Effects {
  const { send } = input;
  const over = new AbortController();
  allowManyListeners(over.signal);
  const running = new Set<Promise<void>>();
  const logs = createLogReader(input.deps.engine, send);
  const perform = createPerformer(input, over.signal, logs);

  const run = (effect: Effect): void => {
    const work: Promise<void> = perform(effect)
      .then((text) => {
        if (text !== undefined) send({ type: 'notice', text, tone: 'ok' });
      })
      .catch((error: unknown) => {
        if (over.signal.aborted || isAbort(error)) return;
        send({ type: 'notice', text: describe(error), tone: 'bad' });
        if (toReport(error).code === 'internal') void input.deps.logBug(error).catch(() => undefined);
      })
      .finally(() => running.delete(work));
    running.add(work);
  };
  return {
    run,
    close: async () => {
      over.abort();
      logs.end();
      await Promise.allSettled(running);
    },
  };
}

function describe(error: unknown): string {
  const { message, hint } = toReport(error);
  return plainText(hint === undefined ? message : `${message} (${hint})`);
}

type LogReader = ReturnType<typeof createLogReader>;

/** Resolves to the notice to show, or to undefined where the screen shows the result anyway. */
function createPerformer(
  { deps, terminal, send, picture, redraw, leave }: EffectsInput,
  signal: AbortSignal,
  logs: LogReader,
) {
  const { engine } = deps;
  const { acts } = engine;

  const busy = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    send({ type: 'busy', what, is: true });
    try {
      return await work();
    } finally {
      send({ type: 'busy', what, is: false });
    }
  };
  const edit = async (file: string, line?: number, column?: number): Promise<void> => {
    await terminal.handOver(() => deps.openEditor(file, line, column));
  };
  const shell = async (app: AppName): Promise<string> => {
    const { columns, rows } = terminal.presenter.size();
    const session = await busy(`open a shell in "${app}"`, () => acts.exec(app, { tty: true, columns, rows }, signal));
    try {
      const { how } = await terminal.passThrough(session, `shell in "${app}"; ctrl+] leaves it`);
      return how === 'detached' ? `left the shell in "${app}"` : `the shell in "${app}" ended`;
    } finally {
      session.stdin.end();
    }
  };
  const screenshot = async (): Promise<string> => {
    const { text, ansi, svg } = picture();
    const stem = `screen-${new Date(deps.now()).toISOString().slice(0, 19).replaceAll(':', '')}`;
    await deps.save(`${stem}.txt`, text);
    await deps.save(`${stem}.ansi`, ansi);
    return `picture in ${await deps.save(`${stem}.svg`, svg)} (also .txt, .ansi)`;
  };

  return async (effect: Effect): Promise<string | undefined> => {
    switch (effect.type) {
      case 'approve':
        engine.send({ type: 'approve', revision: effect.revision });
        return undefined;
      case 'decline':
        engine.send({ type: 'decline' });
        return undefined;
      case 'cancel-run':
        engine.send({ type: 'cancel' });
        return 'stopping at the next safe point';
      case 'refresh':
        engine.send({ type: 'refresh' });
        return undefined;
      case 'set-policy':
        engine.send({ type: 'policy', policy: effect.policy });
        return effect.policy === 'ask'
          ? 'drover shows each save first and waits for `a`'
          : 'drover applies each save at once';
      case 'move':
        await deps.move(effect.apps, effect.node);
        return undefined;
      case 'restart':
        await busy(`restart "${effect.app}"`, () => acts.restart(effect.app, signal));
        return `"${effect.app}" was restarted`;
      case 'stop':
        await busy(`stop "${effect.app}"`, () => acts.stop(effect.app, signal));
        return `"${effect.app}" stays stopped until it is started or the files change`;
      case 'start':
        await busy(`start "${effect.app}"`, () => acts.start(effect.app, signal));
        return `"${effect.app}" was started`;
      case 'snapshot': {
        const made = await busy(`snapshot "${effect.app}"`, () => acts.snapshot(effect.app, undefined, signal));
        return `snapshot ${listNames([...new Set(made.map(({ snapshot }) => snapshot))])} of "${effect.app}"`;
      }
      case 'clone-snapshot': {
        const { snapshot } = effect;
        const name = await busy(`clone ${snapshot.snapshot}`, () => acts.cloneSnapshot(snapshot, signal));
        send({ type: 'effect', effect: { type: 'read-zfs', node: snapshot.node } });
        return `the snapshot is in ${name} now; the volume was not changed`;
      }
      case 'roll-back': {
        const { app, snapshot } = effect;
        const kept = await busy(`roll back "${app}"`, () => acts.rollBack(app, snapshot, signal));
        return `"${app}" continues from ${snapshot.snapshot}; its earlier data is kept in ${listNames(kept)}`;
      }
      case 'undo':
        return await deps.undo();
      case 'read-logs':
        logs.begin(effect.apps);
        return undefined;
      case 'end-logs':
        logs.end();
        return undefined;
      case 'read-zfs':
        try {
          send({ type: 'zfs-read', node: effect.node, datasets: await acts.zfs(effect.node, signal) });
        } catch (error) {
          send({ type: 'zfs-read', node: effect.node, error: toReport(error) });
        }
        return undefined;
      case 'read-history':
        send({ type: 'history-read', runs: await deps.readHistory() });
        return undefined;
      case 'edit':
        await edit(effect.file, effect.line, effect.column);
        return undefined;
      case 'edit-app': {
        const { file, line, column } = await deps.placeOf(effect.app);
        await edit(file, line, column);
        return undefined;
      }
      case 'fix': {
        const problem = engine.store.getSnapshot().problems[effect.problem];
        if (problem === undefined) throw new AppError('usage', 'cannot fix it: the problem is gone');
        return await deps.fix(problem);
      }
      case 'shell':
        return await shell(effect.app);
      case 'copy':
        return terminal.copy(effect.text) ? 'copied' : 'cannot copy: it is too long for the terminal';
      case 'screenshot':
        return await screenshot();
      case 'write-sample':
        await deps.writeSample?.(effect.sample);
        leave('again');
        return undefined;
      case 'look-at-simulation':
        await deps.simulate?.((work) => terminal.handOver(work));
        return undefined;
      case 'guide': {
        const answer = await deps.guide?.wish(effect.wish);
        if (answer === 'again') leave('again');
        return answer === 'again' ? undefined : answer;
      }
      case 'redraw':
        redraw();
        return undefined;
      case 'suspend':
        terminal.suspend();
        return undefined;
      case 'leave':
        leave(effect.how);
        return undefined;
    }
  };
}
