import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { runCli } from '../../../src/cli/run.ts';
import { createRunJournal } from '../../../src/cli/run-journal.ts';
import { createPlaces, createText, replaceText } from '../../../src/cli/state-files.ts';
import type { World } from '../../../src/cli/world.ts';
import { findConfigFiles } from '../../../src/config/find-files.ts';
import { readConfig } from '../../../src/config/read-files.ts';
import { createEngine } from '../../../src/engine/engine.ts';
import { watchFiles } from '../../../src/engine/watch/watch-files.ts';
import { defined } from '../../../src/model/defined.ts';
import { runHere } from '../../../src/node/run-here.ts';
import { createSimulation } from '../../../src/simulation/demo.ts';
import { createMemoryCluster, type MemoryCluster } from '../../../src/simulation/memory/cluster.ts';
import type { MemorySeed } from '../../../src/simulation/memory/types.ts';

export const [n1, n2] = ['10.0.0.1', '10.0.0.2'] as const;

export const application = `version: 1
applications:
  db:
    image: mongo:7
    ports: [{internal: 27017, external: 27017}]
    environment: {PASSWORD: hunter2-is-secret}
    volume: {mountpoint: /data/db}
`;
export const deployment = `version: 1
nodes:
  ${n1}: [db] # here
  ${n2}: []
`;

export interface Said {
  out: string;
  err: string;
}

export interface MadeWorld {
  readonly cluster: MemoryCluster;
  readonly folder: string;
  /** Runs the command line in the folder. */
  readonly drover: (...args: string[]) => Promise<{ code: number; out: string; err: string }>;
  readonly write: (name: string, text: string) => Promise<void>;
  readonly read: (name: string) => Promise<string>;
  /** The same, with what it has said so far. */
  readonly start: (...args: string[]) => { readonly said: Said; readonly ended: Promise<number> };
  /** One Ctrl-C for whatever runs. */
  readonly interrupt: () => void;
}

/** For one test: the real command line on a folder of its own and a cluster in memory; `changes` to the world come last. */
export async function makeWorld(seed: Partial<MemorySeed> = {}, changes: Partial<World> = {}): Promise<MadeWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const cluster = createMemoryCluster({ nodes: { [n1]: {}, [n2]: {} }, ...seed });
  const listeners = new Set<() => void>();
  const write = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);
  await write('application.yml', application);
  await write('deployment.yml', deployment);
  const start: MadeWorld['start'] = (...args) => {
    const said: Said = { out: '', err: '' };
    return { said, ended: runCli(args, { ...worldOf(folder, cluster, listeners, said), ...changes }) };
  };
  const drover: MadeWorld['drover'] = async (...args) => {
    const { said, ended } = start(...args);
    const code = await ended;
    return { code, ...said };
  };
  return {
    cluster,
    folder,
    drover,
    start,
    write,
    read: (name) => readFile(join(folder, name), 'utf8'),
    interrupt: () => {
      for (const listener of listeners) listener();
    },
  };
}

const sink = (said: Said, key: keyof Said): Writable =>
  new Writable({
    write(chunk, _encoding, done) {
      said[key] += String(chunk);
      done();
    },
  });

function worldOf(folder: string, cluster: MemoryCluster, listeners: Set<() => void>, said: Said): World {
  const load: World['readConfig'] = ({ application: app, deployment: dep, inventory, compose }, options) =>
    readConfig({ application: app, deployment: dep, drover: inventory === undefined ? [] : [inventory] }, undefined, {
      ...compose,
      ...options,
    });
  return {
    version: '0.0.0-test',
    cwd: folder,
    env: {},
    terminal: {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
      moving: false,
      colour: false,
      columns: () => 100,
      ask: undefined,
    },
    streams: { stdin: new PassThrough(), stdout: sink(said, 'out'), stderr: sink(said, 'err') },
    now: Date.now,
    journal: createRunJournal(join(folder, 'state')),
    places: (applicationFile) => createPlaces(join(folder, 'state'), applicationFile),
    onInterrupt: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    readText: (path) => readFile(path, 'utf8'),
    replaceText: (path, text) => replaceText(path, text),
    createText,
    findFiles: (where, envFiles) => findConfigFiles(where, defined({ envFiles })),
    labInventory: () => Promise.resolve(undefined),
    readConfig: load,
    openEngine: async (files, { asks = false, allowsRemoval = false } = {}) =>
      createEngine({
        asks,
        allowsRemoval,
        load: () => load(files),
        openCluster: () => cluster.session(),
        watchFiles: (changed, signal) => watchFiles([files.application, files.deployment], changed, signal),
        now: Date.now,
        random: Math.random,
        sleep: (ms, signal) => sleep(ms, undefined, { signal }),
        owner: 'test',
        places: createPlaces(join(folder, 'state'), files.application),
        probe: async (node, port) => cluster.connect(node, { port, protocol: 'tcp' }),
        provisionScript: async () => '# provision.sh',
        runHere: (command, signal) => runHere(command, (group) => process.kill(-group, 'SIGKILL'), signal),
      }),
    provisionPath: 'host/provision.sh',
    openSimulation: async (fast) => createSimulation(worldOf(folder, cluster, listeners, said), fast),
    askHostKey: () => Promise.resolve({ known: true }),
    logBug: () => Promise.resolve('/somewhere/drover.log'),
    // Absolute, unlike in main.ts: the tests' own folder is another one.
    resolvePath: (...parts) => (relative('/', resolve(...parts)) === '' ? '/' : resolve(...parts)),
  };
}
