import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { moveApplications } from '../config/edit/edit.ts';
import { editFile, type TextFiles } from '../config/edit/edit-file.ts';
import { applyFix } from '../config/edit/fix.ts';
import { placeOfApplication } from '../config/edit/place.ts';
import { createEngine } from '../engine/engine.ts';
import type { Engine, MoveHistory } from '../engine/types.ts';
import type { Config } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { ApplyPolicy, MoveReceipt } from '../model/events.ts';
import type { TuiDeps } from '../tui/deps.ts';
import { listNames } from '../view/wording.ts';
import { createMemoryFiles, fileNames, type MemoryFiles } from './files.ts';
import { type Journal, keepJournal } from './journal.ts';
import { manyScene } from './many.ts';
import { createMemoryCluster, type MemoryCluster } from './memory/cluster.ts';
import type { MemoryImage } from './memory/types.ts';
import { sampleScene } from './sample.ts';
import type { Scene } from './scene.ts';
import { seedOf } from './seed.ts';

export interface SimulationOptions {
  /** As many nodes and containers as wanted in place of the sample, and so much happening to them: for measuring. */
  readonly scale?: { readonly nodes: number; readonly containers: number; readonly eventsPerSecond: number };
  /** Default `ask`: what is wrong can be looked at before it is mended. */
  readonly policy?: ApplyPolicy;
  readonly isReadOnly?: boolean;
  /** Without the time that calls and transfers take. */
  readonly fast?: boolean;
}

/** Everything of `TuiDeps` that a simulated cluster has in place of the real one. */
export interface TuiSimulation
  extends Pick<
    TuiDeps,
    'label' | 'folder' | 'files' | 'move' | 'fix' | 'placeOf' | 'readHistory' | 'undo' | 'readFile' | 'engine'
  > {
  readonly label: string;
  readonly files: { readonly application: string; readonly deployment: string };
  /** In place of a save in an editor: the watcher notices. */
  readonly writeFile: (file: string, text: string) => void;
  /** `TuiDeps.openEditor` for these files: `edit` gets a copy on the disk, and what it leaves there is the file. */
  readonly openEditorWith: (edit: TuiDeps['openEditor']) => TuiDeps['openEditor'];
  readonly policy: ApplyPolicy;
  /** For whoever plays the world: crashes, lost connections. */
  readonly cluster: MemoryCluster;
  /** Ends what happens by itself; the engine is closed by whoever uses it. */
  readonly end: () => void;
}

/** A cluster in memory that looks and moves like a real one; nothing outside of this process is touched. */
export function createTuiSimulation(options: SimulationOptions = {}): TuiSimulation {
  const { scale, policy = 'ask', isReadOnly = false } = options;
  const scene = paceOf(scale === undefined ? sampleScene : manyScene(scale.nodes, scale.containers), options);
  const files = createMemoryFiles(scene);
  const config = loaded(files);
  const cluster = createMemoryCluster(seedOf(scene, config, Date.now()));
  const engine = openEngine(cluster, files, { policy, isReadOnly });
  const journal = keepJournal(engine, files);
  return {
    engine,
    label: 'SIMULATION',
    folder: 'simulation',
    files: fileNames,
    policy,
    cluster,
    ...editing(files),
    ...remembering(journal),
    end: scale === undefined ? () => undefined : keepHappening(cluster, config, scale.eventsPerSecond),
  };
}

function paceOf(scene: Scene, { fast = false }: SimulationOptions): Scene {
  if (!fast) return scene;
  const images = Object.entries(scene.images).map(([name, image]): [string, MemoryImage] => {
    const { health, ...rest } = image;
    const atOnce = health === undefined ? {} : { health: { ...health, afterMs: 0 } };
    return [name, { ...rest, ...atOnce, acceptsAfterMs: 0, stopsAfterMs: 0 }];
  });
  return { ...scene, images: Object.fromEntries(images), roundTripMs: 0, bytesPerSecond: Number.POSITIVE_INFINITY };
}

function loaded(files: MemoryFiles): Config {
  const result = files.load();
  if (result.ok) return result.config;
  throw new Error(`the files of the simulation are wrong: ${result.problems.map(({ message }) => message).join('; ')}`);
}

function openEngine(
  cluster: MemoryCluster,
  files: MemoryFiles,
  how: { readonly policy: ApplyPolicy; readonly isReadOnly: boolean },
): Engine {
  return createEngine({
    load: async () => files.load(),
    openCluster: (_config, onCommand) => {
      cluster.intercept(({ node, operation, write, phase }) => {
        if (write && phase === 'before') onCommand(node, `simulated: ${operation.replace('.', ' ')}`);
      });
      return cluster.session();
    },
    watchFiles: files.watch,
    now: Date.now,
    random: Math.random,
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    owner: 'drover demo',
    history: receiptsInMemory(),
    probe: async (node, port) => cluster.connect(node, { port, protocol: 'tcp' }),
    asks: true,
    ...how,
  });
}

function receiptsInMemory(): MoveHistory {
  const receipts: MoveReceipt[] = [];
  return {
    read: async () => receipts,
    append: async (receipt) => void receipts.push(receipt),
  };
}

type Editing = Pick<TuiSimulation, 'move' | 'fix' | 'placeOf' | 'readFile' | 'writeFile' | 'openEditorWith'>;

function editing(files: MemoryFiles): Editing {
  const memory: TextFiles = {
    readText: async (file) => files.read(file),
    replaceText: async (file, text) => files.write(file, text),
  };
  return {
    readFile: memory.readText,
    writeFile: files.write,
    openEditorWith: (edit) => (file, line, column) => editCopy(files, file, (copy) => edit(copy, line, column)),
    move: async (apps, node) => {
      const { deployment } = fileNames;
      const what = `move ${listNames(apps)} to "${node}" in "${deployment}"`;
      await editFile(memory, deployment, (text) => moveApplications(text, apps, node), what);
    },
    fix: async ({ file, fix }) => {
      if (fix === undefined) throw new AppError('usage', `cannot fix "${file}": nothing certain can be offered`);
      await editFile(memory, file, (text) => applyFix(text, fix), `fix "${file}"`);
      return fix.label;
    },
    placeOf: async (app) => {
      const place = placeOfApplication(files.read(fileNames.application), app);
      if (place === undefined) throw new AppError('usage', `cannot find "${app}" in "${fileNames.application}"`);
      return { file: fileNames.application, ...place };
    },
  };
}

async function editCopy(files: MemoryFiles, file: string, edit: (copy: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-simulation-'));
  try {
    const copy = join(folder, file);
    await writeFile(copy, files.read(file));
    await edit(copy);
    files.write(file, await readFile(copy, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function remembering(journal: Journal): Pick<TuiSimulation, 'readHistory' | 'undo'> {
  return {
    readHistory: async () => journal.records(),
    undo: async () => {
      const undone = journal.undo();
      if (undone === undefined) throw new AppError('usage', 'cannot undo: nothing was applied yet');
      return `the files are as they were before: ${undone.summary}`;
    },
  };
}

/** Docker on some node tells something so often; returns what ends that. */
function keepHappening(cluster: MemoryCluster, { deployment }: Config, eventsPerSecond: number): () => void {
  const placed = Object.entries(deployment).flatMap(([node, apps]) => apps.map((app) => ({ node, app })));
  let at = 0;
  const timer = setInterval(() => {
    const next = placed[(at * 37) % placed.length];
    at += 1;
    if (next !== undefined) cluster.emit(next.node, 'health_status: healthy', next.app);
  }, 1000 / eventsPerSecond);
  timer.unref();
  return () => clearInterval(timer);
}
