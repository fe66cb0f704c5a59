import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { readConfig } from '../../../src/config/read-files.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import { watchFiles } from '../../../src/engine/watch/watch-files.ts';
import { AppError } from '../../../src/model/errors.ts';
import { actions } from '../../../src/tui/actions/actions.ts';
import { movingActions } from '../../../src/tui/parts/page.ts';
import { runTui } from '../../../src/tui/run-tui.ts';
import { createFakeInput, createFakeOutput } from '../../fakes/tty.ts';
import { aBusyCluster } from '../../support/busy-cluster.ts';
import { Poisoner, poison, wrongBytes } from '../../support/hostile.ts';
import { application, deployment } from '../cli/made-world.ts';

/** As a terminal sends them; what is not here is its own character. */
const keyBytes: Readonly<Record<string, string>> = {
  enter: '\r',
  tab: '\t',
  escape: '\u001b',
  esc: '\u001b',
  space: ' ',
  up: '\u001b[A',
  down: '\u001b[B',
  right: '\u001b[C',
  left: '\u001b[D',
  home: '\u001b[H',
  end: '\u001b[F',
  pageup: '\u001b[5~',
  pagedown: '\u001b[6~',
};
const leaving = new Set(['q', 'Q', 'ctrl+c', 'ctrl+d', 'ctrl+z']);
const moving = new Set<string>([...movingActions, 'left', 'right', 'wider', 'narrower']);
/** One key of each action that does more than to move. */
const keys = actions
  .filter(({ id }) => !moving.has(id))
  .flatMap((each) => each.keys.slice(0, 1))
  .filter((key) => !leaving.has(key) && (key.length === 1 || keyBytes[key] !== undefined));

// At the end comes one that ends whatever string was cut off, before the resets.
const sequence = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\]2;[^\u0007\u001b]*\u0007|[()][0-9A-B]|[=>78M]|\\(?=\u001b\[0m))/g;
const shapesOf = (bytes: string): readonly string[] => [
  ...new Set([...bytes.matchAll(sequence)].map(([each]) => each.replace(/\]2;.*/, ']2').replace(/[\d;]+/g, 'N'))),
];

/** Everything that the screen writes while each key is pressed in turn, and everything it saves. */
async function visitAll(
  target: Poisoner['target'],
  pressed: readonly string[],
): Promise<{ bytes: string; saved: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-screen-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const files = { application: join(folder, 'application.yml'), deployment: join(folder, 'deployment.yml') };
  await writeFile(files.application, application);
  await writeFile(files.deployment, deployment);
  const poisoner = new Poisoner();
  poisoner.target = target;
  const cluster = aBusyCluster();
  const engine = createEngine({
    asks: true,
    policy: 'ask',
    load: () => readConfig({ ...files, drover: [] }),
    openCluster: () => poisoner.wrap(cluster.session()),
    watchFiles: (changed, signal) => watchFiles([files.application, files.deployment], changed, signal),
    now: Date.now,
    random: () => 0.5,
    sleep: (ms, signal) => sleep(Math.min(ms, 20), undefined, { signal }),
    owner: 'test',
    probe: async () => 'accepted',
  });
  const stdout = createFakeOutput(120, 40);
  const stdin = createFakeInput();
  const saved: string[] = [];
  const bad = (): never => {
    throw new AppError('command-failed', poisoner.text('cannot do that', 'act.error'), {
      hint: poisoner.text('wait', 'act.hint'),
    });
  };
  const stops = new Set<() => void>();
  const stop = (): void => {
    for (const each of stops) each();
  };
  const ended = runTui({
    engine,
    version: '0.0.0',
    now: Date.now,
    env: { TERM: 'xterm-256color' },
    stdin,
    stdout,
    settings: {
      theme: 'auto',
      mouse: true,
      arrangement: 'auto',
      asksFirst: true,
      isReadOnly: false,
      notifies: false,
      glyphs: 'unicode',
      noColour: false,
      keys: {},
    } as never,
    folder,
    files,
    move: async () => bad(),
    fix: async () => bad(),
    placeOf: async () => bad(),
    openEditor: async () => bad(),
    save: async (name, text) => {
      saved.push(text);
      return join(folder, name);
    },
    readHistory: async () =>
      poisoner.value(
        [
          {
            id: '1',
            startedAt: 1,
            endedAt: 2,
            revision: 'r',
            result: 'failed' as const,
            summary: 'it failed',
            steps: [{ text: 'stop "db"', result: 'failed' }],
            receipts: [],
            deployment: {},
            files: { application, deployment },
          },
        ],
        ['history'],
      ),
    undo: async () => bad(),
    readFile: async () => application,
    logBug: async () => 'drover.log',
    onSignal: (listener) => {
      const onSignal = (): void => listener('SIGTERM');
      stops.add(onSignal);
      return () => stops.delete(onSignal);
    },
    suspend: () => undefined,
  });
  await expect.poll(() => engine.store.getSnapshot().plan, { timeout: 60_000 }).toBeDefined();
  for (const key of pressed) {
    for (const each of [key, 'j']) {
      stdin.write(keyBytes[each] ?? each);
      await sleep(8);
    }
    await sleep(40);
    for (const each of ['\u001b', '\u001b']) {
      stdin.write(each);
      await sleep(30);
    }
  }
  stop();
  await sleep(20);
  stop();
  const { lines } = await ended;
  await engine.close();
  // The bell of drover itself is written alone; nothing of a node's ever is.
  const bytes = stdout.taken.filter((each) => each !== '\u0007').join('');
  return { bytes, saved: [...saved, lines.join('\n')] };
}

it('the screen writes the same kinds of sequences whatever nodes say, and nothing of theirs', async () => {
  const clean = await visitAll(undefined, ['?', 'l', 'enter', '/', 'm', 'z', 'S']);
  const dirty = await visitAll('all', keys);
  expect(dirty.bytes.length).toBeGreaterThan(10_000);
  // What the nodes said is there, as words.
  expect(dirty.bytes.replace(sequence, '')).toContain('FORGED');
  const own = new Set(shapesOf(clean.bytes));
  expect(shapesOf(dirty.bytes).filter((shape) => !own.has(shape))).toEqual([]);
  const words = dirty.bytes.replace(sequence, '').replaceAll('\r', '');
  expect(wrongBytes(words, false).filter((each) => each.includes('character'))).toEqual([]);
  for (const text of dirty.saved) {
    expect(wrongBytes(text.replace(sequence, ''), false).filter((each) => each.includes('character'))).toEqual([]);
  }
  expect(shapesOf(poison).length).toBeGreaterThan(1);
  console.log(`${keys.length} keys pressed, ${dirty.bytes.length} bytes written, ${dirty.saved.length} texts kept`);
});
