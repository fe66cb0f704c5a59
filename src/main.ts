import { access, readFile } from 'node:fs/promises';
import { homedir, hostname, userInfo } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runCli } from './cli/run.ts';
import { createRunJournal } from './cli/run-journal.ts';
import { createHistory, createPlaces, createText, logBug, replaceText } from './cli/state-files.ts';
import { printed } from './cli/style.ts';
import type {
  EngineOptions,
  FileChoice,
  HostKeyAnswer,
  Hosts,
  Terminal,
  TuiDemoRequest,
  TuiEnd,
  TuiRequest,
  VagrantRequest,
  World,
} from './cli/world.ts';
import type { FoundFiles } from './config/find-files.ts';
import type { Engine } from './engine/types.ts';
import { readTextBounded } from './files/read-bounded.ts';
import type { Config, LoadResult, NodeName, NodeSettings } from './model/config.ts';
import { defined } from './model/defined.ts';
import { AppError } from './model/errors.ts';
import { configFileBytes } from './model/limits.ts';
import type { TuiProcess } from './tui-main.ts';

/** Put in by the bundler, from package.json. */
declare const DROVER_VERSION: string | undefined;

const { env } = process;
const cwd = process.cwd();
const version = typeof DROVER_VERSION === 'string' ? DROVER_VERSION : 'unbuilt';
const packageFolder = resolve(fileURLToPath(new URL('..', import.meta.url)));
const stateFolder = join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'drover');

/** The same path from the bundle and from the sources. */
const provisionScript = fileURLToPath(new URL('../host/provision.sh', import.meta.url));

// Modules that only some verbs need are imported where they are needed: `drover --help` must not wait for ssh2.

type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';
const interrupts = new Set<() => void>();
const screens = new Set<(signal: Signal) => void>();
let interruptions = 0;

/** The third Ctrl-C leaves without any further ado, and so does the first where nothing listens. */
function interrupt(signal: Signal): void {
  interruptions += 1;
  // The screen decides for itself; what hangs after that is ended by the third.
  if (screens.size > 0 && interruptions <= 2) {
    for (const listener of screens) listener(signal);
    return;
  }
  if (interrupts.size === 0 || interruptions > 2) process.exit(130);
  for (const listener of interrupts) listener();
}

function createTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  let broken = false;
  // `drover logs | head`: the reader of our output has ended. The first such error counts as Ctrl-C.
  stdout.on('error', () => {
    if (!broken) interrupt('SIGHUP');
    broken = true;
  });
  const moving = stdout.isTTY === true && env.TERM !== 'dumb';
  const people = stdin.isTTY === true && stderr.isTTY === true;
  return {
    out: (text) => void (broken || stdout.write(text)),
    err: (text) => void stderr.write(text),
    taken: async (signal) => {
      for (const stream of [stdout, stderr]) {
        // A pager that is not scrolled reads nothing: what it has not taken must not pile up here.
        while (stream.writableNeedDrain && !stream.destroyed && !broken && !signal.aborted)
          await drained(stream, signal);
      }
    },
    moving,
    colour: moving && (env.NO_COLOR ?? '') === '',
    columns: () => stdout.columns ?? 80,
    ask: people ? ask : undefined,
  };
}

function drained(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const events = ['drain', 'error', 'close'] as const;
  return new Promise((resolve) => {
    const end = (): void => {
      for (const event of events) stream.off(event, end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    for (const event of events) stream.on(event, end);
    signal.addEventListener('abort', end, { once: true });
  });
}

async function ask(question: string, signal?: AbortSignal): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await (signal === undefined ? lines.question(question) : lines.question(question, { signal }));
  } finally {
    lines.close();
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function findFiles(folder: string, envFiles?: readonly string[]): Promise<FoundFiles> {
  const { findConfigFiles } = await import('./config/find-files.ts');
  return findConfigFiles(folder, { environment: env, ...defined({ envFiles }) });
}

async function labInventory(): Promise<string | undefined> {
  const path = join(stateFolder, 'lab', env.DROVER_LAB || 'default', 'drover.yml');
  return (await exists(path)) ? path : undefined;
}

async function findVagrantMachines(request: VagrantRequest): Promise<string | undefined> {
  const vagrant = await import('./node/vagrant/machines.ts');
  return vagrant.findVagrantMachines(request, { env, stateFolder, packageFolder });
}

async function readConfig(choice: FileChoice, further: { readonly keepsTree?: boolean } = {}): Promise<LoadResult> {
  const { application, deployment, inventory, labInventory, vagrantInventory: lab = labInventory } = choice;
  const options = { environment: env, ...choice.compose, ...further };
  const files = await import('./config/read-files.ts');
  const drover = inventory === undefined ? [] : [inventory];
  const own = await files.readConfig({ application, deployment, drover }, undefined, options);
  if (lab === undefined) return own;
  const { sources } = own;
  const withLab = withLabNodes(
    own,
    await files.readConfig({ application, deployment, drover: [...drover, lab] }, undefined, options),
  );
  return sources === undefined ? withLab : { ...withLab, sources };
}

async function openEngine(files: FileChoice, options: EngineOptions = {}): Promise<Engine> {
  const [{ createEngine }, { watchFiles }, { createCluster }, { probeTcp }] = await Promise.all([
    import('./engine/engine.ts'),
    import('./engine/watch/watch-files.ts'),
    import('./node/connect.ts'),
    import('./node/tcp-probe.ts'),
  ]);
  const paths = [files.application, files.deployment, ...(files.inventory === undefined ? [] : [files.inventory])];
  let nodes: Config['nodes'] = {};
  let sources: readonly string[] = [];
  return createEngine({
    load: async () => {
      const result = await readConfig(files);
      sources = result.sources ?? [];
      return result;
    },
    openCluster: (config, onCommand) => {
      nodes = config.nodes;
      return createCluster(config, { env, onNote: options.onNote ?? note, onCommand });
    },
    watchFiles: (changed, signal) => watchFiles(paths, changed, signal, { more: () => sources }),
    now: Date.now,
    random: Math.random,
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    owner: `${userName()}@${hostname()} pid ${process.pid}`,
    history: createHistory(stateFolder),
    places: placesOf(files.application),
    ...defined({
      asks: options.asks,
      allowsRemoval: options.allowsRemoval,
      takesOver: options.takesOver,
      verb: options.verb,
      policy: options.policy,
      isReadOnly: options.isReadOnly,
    }),
    probe: (node, port, signal) => probeTcp(nodes[node]?.host ?? node, port, signal),
    provisionScript: () => readFile(provisionScript, 'utf8'),
    runHere: async (command, signal) => {
      const kill = (group: number) => process.kill(-group, 'SIGKILL');
      return (await import('./node/run-here.ts')).runHere(command, kill, signal);
    },
  });
}

const placesOf = (applicationFile: string) => createPlaces(stateFolder, resolve(applicationFile));

const note = (text: string): void => terminal.err(printed`drover: ${text}\n`);

/** Some containers have a user without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`;
  }
}

async function askHostKey(files: FileChoice, node: NodeName, signal: AbortSignal): Promise<HostKeyAnswer> {
  const [settings, { askKey }] = await Promise.all([settingsOf(files, node), import('./node/hosts.ts')]);
  const named = [files.inventory, files.labInventory, files.vagrantInventory, files.deployment];
  const keyFolders = named.flatMap((path) => (path === undefined ? [] : [dirname(resolve(path))]));
  return askKey(node, settings, { env, onNote: note, keyFolders }, signal);
}

const hosts: Hosts = {
  askKey: async (node, settings, signal, folders) => {
    const { askKey } = await import('./node/hosts.ts');
    const keyFolders = folders === undefined ? {} : { keyFolders: folders };
    return askKey(node, settings, { env, onNote: note, ...keyFolders }, signal);
  },
  open: async (node, nodeSettings, settings, signal) => {
    const { openHost } = await import('./node/hosts.ts');
    return openHost(node, nodeSettings, settings, provisionScript, { env, onNote: note }, signal);
  },
};

/** Ink and React are loaded for the screen alone. */
async function openTui(request: TuiRequest): Promise<TuiEnd> {
  const screen = await import('./tui-main.ts');
  return withWarningsAfter(() => screen.openTui(request, screenProcess()));
}

async function openTuiDemo(request: TuiDemoRequest): Promise<TuiEnd> {
  const screen = await import('./tui-main.ts');
  return withWarningsAfter(() => screen.openTuiDemo(request, screenProcess()));
}

/** Node.js prints a warning at once, in the middle of the screen: this prints the warnings after the screen has closed. */
async function withWarningsAfter(work: () => Promise<TuiEnd>): Promise<TuiEnd> {
  const printers = process.listeners('warning');
  const warnings = new Set<string>();
  const keep = ({ name, message }: Error): void => void warnings.add(`${name}: ${message}`);
  process.removeAllListeners('warning').on('warning', keep);
  try {
    const end = await work();
    return { ...end, lines: [...end.lines, ...warnings] };
  } finally {
    process.off('warning', keep);
    for (const print of printers) process.on('warning', print);
  }
}

function screenProcess(): TuiProcess {
  const { stdin, stdout } = process;
  return {
    world,
    stdin,
    stdout,
    stateFolder,
    packageFolder,
    onSignal: (listener) => {
      screens.add(listener);
      return () => screens.delete(listener);
    },
    onEnd: (listener) => {
      const crashed = (): void => listener();
      process.on('exit', listener);
      process.on('uncaughtExceptionMonitor', crashed);
      return () => {
        process.off('exit', listener);
        process.off('uncaughtExceptionMonitor', crashed);
      };
    },
    onContinue: (listener) => {
      process.on('SIGCONT', listener);
      return () => process.off('SIGCONT', listener);
    },
    suspend: () => process.kill(process.pid, 'SIGSTOP'),
  };
}

async function settingsOf(files: FileChoice, node: NodeName): Promise<Config['nodes'][string]> {
  const read = await readConfig(files);
  if (!read.ok) throw new AppError('usage', 'cannot read the files: they have changed since drover read them first');
  return read.config.nodes[node] ?? {};
}

function resolvePath(...parts: readonly string[]): string {
  const path = resolve(...parts);
  const short = relative(cwd, path);
  return short.startsWith('..') ? path : short || '.';
}

const terminal = createTerminal();

const world: World = {
  version,
  cwd,
  env,
  terminal,
  streams: process,
  now: Date.now,
  journal: createRunJournal(stateFolder),
  places: placesOf,
  onInterrupt: (listener) => {
    interrupts.add(listener);
    return () => interrupts.delete(listener);
  },
  readText: (path) => readTextBounded(path, configFileBytes),
  replaceText,
  createText,
  findFiles,
  labInventory,
  vagrantInventory: findVagrantMachines,
  readConfig,
  openEngine,
  openSimulation: async (fast) => (await import('./simulation/demo.ts')).createSimulation(world, fast),
  openTui,
  openTuiDemo,
  tutorials: async () => {
    const { createTutorialWorld } = await import('./tutorial-main.ts');
    const start = process.argv.slice(0, 2);
    return createTutorialWorld({ packageFolder, stateFolder, cwd, env, start, shorten: resolvePath });
  },
  askHostKey,
  hosts,
  provisionPath: resolvePath(provisionScript),
  logBug: (error) => logBug(stateFolder, version, new Date(), error),
  resolvePath,
};

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
const code = await runCli(process.argv.slice(2), world);
process.exitCode = code;
// Nothing should be left that keeps the process; if something is, it is not worth waiting for.
setTimeout(() => process.exit(code), 2000).unref();

/**
 * `own` was read without the lab's inventory, `lab` with it as the last one. The lab describes only nodes that no other
 * file describes, and adds no nodes: a deployment elsewhere must not use the lab's nodes only because there is a lab.
 */
function withLabNodes(own: LoadResult, lab: LoadResult): LoadResult {
  // Files that name their nodes as the lab does (`node1`) are only right together with the lab's inventory.
  if (!own.ok) {
    if (lab.ok) return { ...lab, config: onlyPlaced(lab.config) };
    return lab.problems.length < own.problems.length ? lab : own;
  }
  if (!lab.ok) return own;
  const { config } = own;
  // The lab's stand-ins for images belong to its nodes; elsewhere the files mean what they say.
  const inLab = Object.entries(config.nodes).some(
    ([node, settings]) => Object.keys(settings).length === 0 && lab.config.nodes[node] !== undefined,
  );
  if (!inLab) return own;
  const nodes = Object.entries(config.nodes).map(([node, settings]): [NodeName, NodeSettings] => [
    node,
    Object.keys(settings).length > 0 ? settings : (lab.config.nodes[node] ?? settings),
  ]);
  return {
    ...own,
    config: {
      ...config,
      revision: lab.config.revision,
      applications: lab.config.applications,
      nodes: Object.fromEntries(nodes),
    },
  };
}

function onlyPlaced(config: Config): Config {
  const placed = new Set([...Object.keys(config.deployment), ...(config.datasets ?? []).map(({ node }) => node)]);
  const nodes = Object.entries(config.nodes).filter(([node]) => placed.has(node));
  return { ...config, nodes: Object.fromEntries(nodes) };
}
