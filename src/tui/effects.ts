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

/** Does one kind of effect; resolves to the notice to show, or to undefined where the screen shows the result anyway. */
type Performers = {
  readonly [K in Effect['type']]: (effect: Effect & { readonly type: K }) => Promise<string | undefined>;
};

/** Does something that shows for itself, without a notice. */
const quietly =
  <A extends readonly unknown[]>(work: (...args: A) => unknown) =>
  async (...args: A): Promise<undefined> => {
    await work(...args);
    return undefined;
  };

function createPerformer(input: EffectsInput, signal: AbortSignal, logs: LogReader) {
  const performers: Performers = {
    ...runPerformers(input),
    ...actPerformers(input, signal),
    ...readPerformers(input, signal, logs),
    ...filePerformers(input),
    ...screenPerformers(input, signal),
  };
  return (effect: Effect): Promise<string | undefined> => {
    // The table pairs each effect with its function; TypeScript cannot follow the pair through a union.
    const perform = performers[effect.type] as (effect: Effect) => Promise<string | undefined>;
    return perform(effect);
  };
}

/** Plans and runs. */
function runPerformers({ deps }: EffectsInput) {
  const { engine } = deps;
  return {
    approve: quietly(({ revision }) => engine.send({ type: 'approve', revision })),
    decline: quietly(() => engine.send({ type: 'decline' })),
    'cancel-run': async () => {
      engine.send({ type: 'cancel' });
      return 'stopping at the next safe point';
    },
    refresh: quietly(() => engine.send({ type: 'refresh' })),
    'set-policy': async ({ policy }) => {
      engine.send({ type: 'policy', policy });
      return policy === 'ask' ? 'drover shows each save first and waits for `a`' : 'drover applies each save at once';
    },
    move: quietly(({ apps, node }) => deps.move(apps, node)),
    undo: () => deps.undo(),
  } satisfies Partial<Performers>;
}

/** The header shows `what` for as long as the work lasts. */
async function busy<T>({ send }: EffectsInput, what: string, work: () => Promise<T>): Promise<T> {
  send({ type: 'busy', what, is: true });
  try {
    return await work();
  } finally {
    send({ type: 'busy', what, is: false });
  }
}

/** Applications and their snapshots. */
function actPerformers(input: EffectsInput, signal: AbortSignal) {
  const { acts } = input.deps.engine;
  return {
    restart: async ({ app }) => {
      await busy(input, `restart "${app}"`, () => acts.restart(app, signal));
      return `"${app}" was restarted`;
    },
    stop: async ({ app }) => {
      await busy(input, `stop "${app}"`, () => acts.stop(app, signal));
      return `"${app}" stays stopped until it is started or the files change`;
    },
    start: async ({ app }) => {
      await busy(input, `start "${app}"`, () => acts.start(app, signal));
      return `"${app}" was started`;
    },
    snapshot: async ({ app }) => {
      const made = await busy(input, `snapshot "${app}"`, () => acts.snapshot(app, undefined, signal));
      return `snapshot ${listNames([...new Set(made.map(({ snapshot }) => snapshot))])} of "${app}"`;
    },
    'clone-snapshot': async ({ snapshot }) => {
      const name = await busy(input, `clone ${snapshot.snapshot}`, () => acts.cloneSnapshot(snapshot, signal));
      input.send({ type: 'effect', effect: { type: 'read-zfs', node: snapshot.node } });
      return `the snapshot is in ${name} now; the volume was not changed`;
    },
    'roll-back': async ({ app, snapshot }) => {
      const kept = await busy(input, `roll back "${app}"`, () => acts.rollBack(app, snapshot, signal));
      return `"${app}" continues from ${snapshot.snapshot}; its earlier data is kept in ${listNames(kept)}`;
    },
  } satisfies Partial<Performers>;
}

/** What overlays show. */
function readPerformers({ deps, send }: EffectsInput, signal: AbortSignal, logs: LogReader) {
  return {
    'read-logs': quietly(({ apps }) => logs.begin(apps)),
    'end-logs': quietly(() => logs.end()),
    'read-zfs': async ({ node }) => {
      try {
        send({ type: 'zfs-read', node, datasets: await deps.engine.acts.zfs(node, signal) });
      } catch (error) {
        send({ type: 'zfs-read', node, error: toReport(error) });
      }
      return undefined;
    },
    'read-history': quietly(async () => send({ type: 'history-read', runs: await deps.readHistory() })),
  } satisfies Partial<Performers>;
}

/** The files, the tutorial that changes them, and the simulation that needs none. */
function filePerformers({ deps, terminal, leave }: EffectsInput) {
  const edit = quietly((file: string, line?: number, column?: number) =>
    terminal.handOver(() => deps.openEditor(file, line, column)),
  );
  return {
    edit: ({ file, line, column }) => edit(file, line, column),
    'edit-app': async ({ app }) => {
      const { file, line, column } = await deps.placeOf(app);
      return await edit(file, line, column);
    },
    fix: async ({ problem: index }) => {
      const problem = deps.engine.store.getSnapshot().problems[index];
      if (problem === undefined) throw new AppError('usage', 'cannot fix it: the problem is gone');
      return await deps.fix(problem);
    },
    'write-sample': quietly(async ({ sample }) => {
      await deps.writeSample?.(sample);
      leave('again');
    }),
    'write-offer': quietly(async () => {
      await deps.offer?.write();
      leave('again');
    }),
    'look-at-simulation': quietly(() => deps.simulate?.((work) => terminal.handOver(work))),
    guide: async ({ request }) => {
      const answer = await deps.guide?.request(request);
      if (answer !== 'again') return answer;
      leave('again');
      return undefined;
    },
  } satisfies Partial<Performers>;
}

/** The terminal and the program. */
function screenPerformers(input: EffectsInput, signal: AbortSignal) {
  const { deps, terminal, picture, redraw, leave } = input;
  return {
    shell: async ({ app }) => {
      const { columns, rows } = terminal.presenter.size();
      const exec = () => deps.engine.acts.exec(app, { tty: true, columns, rows }, signal);
      const remote = await busy(input, `open a shell in "${app}"`, exec);
      try {
        const { how } = await terminal.passThrough(remote, `shell in "${app}"; ctrl+] leaves it`);
        return how === 'detached' ? `left the shell in "${app}"` : `the shell in "${app}" ended`;
      } finally {
        remote.stdin.end();
      }
    },
    copy: async ({ text }) => (terminal.copy(text) ? 'copied' : 'cannot copy: it is too long for the terminal'),
    screenshot: async () => {
      const { text, ansi, svg } = picture();
      const stem = `screen-${new Date(deps.now()).toISOString().slice(0, 19).replaceAll(':', '')}`;
      await deps.save(`${stem}.txt`, text);
      await deps.save(`${stem}.ansi`, ansi);
      return `picture in ${await deps.save(`${stem}.svg`, svg)} (also .txt, .ansi)`;
    },
    redraw: quietly(redraw),
    suspend: quietly(() => terminal.suspend()),
    leave: quietly(({ how }) => leave(how)),
  } satisfies Partial<Performers>;
}
