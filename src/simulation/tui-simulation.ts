import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyFix } from '../config/edit/apply-fix.ts';
import { moveApplications } from '../config/edit/edit.ts';
import { editFile, type TextFiles } from '../config/edit/edit-file.ts';
import { placeOfApplication } from '../config/edit/place.ts';
import type { Config, NodeName } from '../model/config.ts';
import { AppError } from '../model/errors.ts';
import type { ApplyPolicy } from '../model/events.ts';
import type { TuiDeps } from '../tui/deps.ts';
import { listNames } from '../view/wording.ts';
import { fileNames, type MemoryFiles } from './files.ts';
import { type Journal, keepJournal } from './journal.ts';
import type { MemoryCluster } from './memory/cluster.ts';
import { sampleScene } from './sample.ts';
import type { Scene, SceneApp, SceneNode } from './scene.ts';
import { simulate } from './simulate.ts';

export interface SimulationOptions {
  /** A cluster of this size instead of the sample, with this many events: for measurements. */
  readonly scale?: { readonly nodes: number; readonly containers: number; readonly eventsPerSecond: number };
  /** Default `ask`, so that the faults of the sample can be seen before they are fixed. */
  readonly policy?: ApplyPolicy;
  readonly isReadOnly?: boolean;
  /** Calls and transfers take no time. */
  readonly fast?: boolean;
}

/** The parts of `TuiDeps` that a simulated cluster replaces. */
export interface TuiSimulation
  extends Pick<
    TuiDeps,
    'label' | 'folder' | 'files' | 'move' | 'fix' | 'placeOf' | 'readHistory' | 'undo' | 'readFile' | 'engine'
  > {
  readonly label: string;
  readonly files: { readonly application: string; readonly deployment: string };
  /** Replaces a file as a save in an editor does: the watcher notices it. */
  readonly writeFile: (file: string, text: string) => void;
  /** `TuiDeps.openEditor` for these files: `edit` gets a copy on disk, which then replaces the file. */
  readonly openEditorWith: (edit: TuiDeps['openEditor']) => TuiDeps['openEditor'];
  readonly policy: ApplyPolicy;
  /** Controls the simulated world: crashes, lost connections. */
  readonly cluster: MemoryCluster;
  /** Stops the events. The caller closes the engine. */
  readonly end: () => void;
}

/** A cluster in memory for the screen, which looks and moves like a real one. */
export function createTuiSimulation(options: SimulationOptions = {}): TuiSimulation {
  const { scale, policy = 'ask', isReadOnly = false, fast = false } = options;
  const scene = scale === undefined ? sampleScene : manyScene(scale.nodes, scale.containers);
  const { files, config, cluster, openEngine } = simulate(scene, fast);
  const engine = openEngine({ policy, isReadOnly, asks: true });
  return {
    engine,
    label: 'SIMULATION',
    folder: 'simulation',
    files: { application: fileNames.application, deployment: fileNames.deployment },
    policy,
    cluster,
    ...editing(files),
    ...remembering(keepJournal(engine, files)),
    end: scale === undefined ? () => undefined : keepEmitting(cluster, config, scale.eventsPerSecond),
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
      if (fix === undefined) throw new AppError('usage', `cannot fix "${file}": drover has no fix for this problem`);
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

/** Emits events of Docker at this rate; returns the function that stops them. */
function keepEmitting(cluster: MemoryCluster, { deployment }: Config, eventsPerSecond: number): () => void {
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

const GiB = 2 ** 30;
const MiB = 2 ** 20;
/** One application in ten has a port, one in four a volume: most containers of a large cluster have neither. */
const [portEvery, volumeEvery] = [10, 4];

/** A cluster of any size, with evenly placed containers and nothing to do: for measurements. */
function manyScene(nodes: number, containers: number): Scene {
  const names = Array.from({ length: nodes }, (_, at): NodeName => `node${String(at + 1).padStart(3, '0')}`);
  const apps = Array.from({ length: containers }, (_, at) => ({
    name: `app${String(at + 1).padStart(4, '0')}`,
    port: at % portEvery === 0 ? 10_000 + at : undefined,
    hasVolume: at % volumeEvery === 0,
    node: names[at % nodes] ?? '',
  }));
  const application = apps.map(({ name, port, hasVolume }) => {
    const ports = port === undefined ? '' : `\n    ports: [{internal: 80, external: ${port}}]`;
    return `  ${name}:\n    image: acme/${name.slice(-1)}:1${ports}${hasVolume ? '\n    volume: {mountpoint: /data}' : ''}\n`;
  });
  const listOf = (node: NodeName): string => apps.flatMap((app) => (app.node === node ? [app.name] : [])).join(', ');
  const address = (at: number): string => `10.1.${Math.floor(at / 200)}.${(at % 200) + 1}`;
  return {
    application: `version: 1\napplications:\n${application.join('')}`,
    deployment: `version: 1\nnodes:\n${names.map((node) => `  ${node}: [${listOf(node)}]\n`).join('')}`,
    inventory: `version: 1\nnodes:\n${names.map((node, at) => `  ${address(at)}: { name: ${node} }\n`).join('')}`,
    nodes: Object.fromEntries(
      names.map((node, at): [NodeName, SceneNode] => [node, { address: address(at), poolBytes: 512 * GiB }]),
    ),
    apps: Object.fromEntries(
      apps.map(({ name, hasVolume }, at): [string, SceneApp] => [
        name,
        { upMs: (at + 1) * 60_000, ...(hasVolume ? { dataBytes: ((at % 90) + 1) * 8 * MiB } : {}) },
      ]),
    ),
    images: Object.fromEntries(
      Array.from({ length: 10 }, (_, at) => [`acme/${at}:1`, { sizeBytes: 40 * MiB, acceptsAfterMs: 100 }]),
    ),
    roundTripMs: 5,
    bytesPerSecond: 200 * MiB,
  };
}
