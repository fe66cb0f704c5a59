import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { openEditor } from './cli/editor.ts';
import { exitCode } from './cli/exit-code.ts';
import { createRunJournal, journalKey, type RunJournal } from './cli/run-journal.ts';
import { createStageFeed } from './cli/stage-feed.ts';
import { undoLast } from './cli/undo.ts';
import type { FileChoice, TuiDemoRequest, TuiEnd, TuiRequest, World } from './cli/world.ts';
import { applyFix } from './config/edit/apply-fix.ts';
import { moveApplications } from './config/edit/edit.ts';
import { editFile } from './config/edit/edit-file.ts';
import { placeOfApplication } from './config/edit/place.ts';
import { printProblems } from './config/problems.ts';
import { readSettings } from './config/settings-file.ts';
import { splitShellWords } from './config/shell-words.ts';
import { readTextBounded } from './files/read-bounded.ts';
import type { AppName, ConfigProblem, NodeName } from './model/config.ts';
import { defined } from './model/defined.ts';
import { AppError } from './model/errors.ts';
import { configFileBytes } from './model/limits.ts';
import type { TuiDeps, TuiSettings } from './tui/deps.ts';
import { themeNames } from './tui/frame/theme.ts';
import { checkKeys } from './tui/keymap.ts';
import { registry } from './tui/parts.ts';
import { runTui } from './tui/run-tui.ts';
import { mergeSettings, themeOf } from './tui/settings.ts';
import { listNames } from './view/wording.ts';

// The screen on real nodes, or in front of a lab that is on its way: where its parts and the world are put together.

/** What only main.ts can give: everything that belongs to the process. */
export interface TuiProcess
  extends Pick<TuiDeps, 'stdin' | 'stdout' | 'onSignal' | 'onEnd' | 'onContinue' | 'suspend'> {
  readonly world: World;
  readonly stateFolder: string;
  /** Folder of the package: tutorials and schemas are in it. */
  readonly packageFolder: string;
}

/** Opens the screen for the files, for a folder without any, or for a lab's stages. Throws `usage` for a wrong theme. */
export async function openTui(request: TuiRequest, outside: TuiProcess): Promise<TuiEnd> {
  const { world } = outside;
  const { settings, problems } = await readUserSettings(request, world);
  const { files, folder, stages, notice, offer, guide: follow } = request;
  const notes: string[] = [];
  const engine = await world.openEngine(files ?? usualFiles(folder), {
    asks: true,
    policy: settings.asksFirst || settings.isReadOnly ? 'ask' : 'on-save',
    isReadOnly: settings.isReadOnly,
    onNote: (text) => notes.push(text),
  });
  const journal = createRunJournal(outside.stateFolder);
  const forget = files === undefined || stages !== undefined ? undefined : journal.listen(engine, files, world);
  const feed = stages === undefined ? undefined : createStageFeed(stages);
  const guide = follow?.(engine);
  try {
    const { lines, how } = await runTui({
      ...processParts(outside),
      engine,
      settings,
      folder,
      ...defined({ notice, offer, files, stages: feed, guide }),
      ...fileActs(request, world),
      save: (name, text) => saveIn(join(outside.stateFolder, 'screens'), name, text),
      readHistory: () => (files === undefined ? Promise.resolve([]) : journal.read(journalKey(files, world))),
      undo: () => undoWith(journal, files, world),
      writeSample: (sample) => writeSample(folder, sample, outside),
      simulate: (withTerminal) => withTerminal(() => simulate(outside)),
    });
    const printed = [...lines, ...new Set(notes), ...problemLines(problems, world)];
    const end = { code: await endOf(feed), lines: printed };
    // The program that starts the lab opens the next screen.
    return how === 'again' && feed === undefined ? { ...end, again: true } : end;
  } finally {
    feed?.close();
    await guide?.close();
    await forget?.();
    await engine.close();
  }
}

/** What is wrong with the settings, for the terminal that is left behind. */
const problemLines = (problems: readonly ConfigProblem[], world: World): readonly string[] =>
  problems.length === 0 ? [] : printProblems(problems, { color: world.terminal.colour }).trimEnd().split('\n');

/** Where the two files would be; nothing reads them before they are there. */
const usualFiles = (folder: string): FileChoice => ({
  application: join(folder, 'application.yml'),
  deployment: join(folder, 'deployment.yml'),
});

/** Only those: the rest of it is not the screen's affair. */
function processParts({ world, stdin, stdout, onSignal, onEnd, onContinue, suspend }: TuiProcess) {
  return {
    version: world.version,
    now: world.now,
    env: world.env,
    logBug: world.logBug,
    stdin,
    stdout,
    onSignal,
    suspend,
    ...defined({ onEnd, onContinue }),
  };
}

/** 0: the lab is up; 130: the user left before that. */
async function endOf(feed: ReturnType<typeof createStageFeed> | undefined): Promise<TuiEnd['code']> {
  if (feed === undefined) return exitCode.done;
  const ended = await Promise.race([feed.ended, Promise.resolve(undefined)]);
  if (ended === undefined) return exitCode.cancelled;
  return ended.code === 0 ? exitCode.done : exitCode.failed;
}

/** $VISUAL, $EDITOR, else vi; a text that is not a command line is used as the name of a program. */
function editorOf({ VISUAL, EDITOR }: World['env']): readonly string[] {
  const text = VISUAL || EDITOR || 'vi';
  return splitShellWords(text) ?? [text];
}

/** What is read and written of the user's files. */
function fileActs({ files }: Pick<TuiRequest, 'files'>, world: World) {
  const need = (): FileChoice => {
    if (files !== undefined) return files;
    throw new AppError('usage', 'cannot edit the files: this folder has none');
  };
  return {
    readFile: world.readText,
    openEditor: (file: string, line?: number, column?: number) =>
      openEditor({ file, ...defined({ line, column }) }, editorOf(world.env)),
    move: (apps: readonly AppName[], node: NodeName) => moveAll(need().deployment, apps, node, world),
    fix: async (problem: ConfigProblem): Promise<string> => {
      const { fix, file } = problem;
      if (fix === undefined) throw new AppError('usage', `cannot fix it: nothing is known for sure in "${file}"`);
      await editFile(world, file, (text) => applyFix(text, fix), `fix "${file}"`);
      return `${file}:${fix.line}: ${fix.label}`;
    },
    placeOf: async (app: AppName) => {
      const { application } = need();
      const place = placeOfApplication(await world.readText(application), app);
      return { file: application, ...(place ?? { line: 1, column: 1 }) };
    },
  };
}

/** One write for all of them: between two writes, the watcher would see only a part of the move. */
async function moveAll(file: string, apps: readonly AppName[], node: NodeName, world: World): Promise<void> {
  const what = `move ${listNames(apps)} in "${file}"`;
  await editFile(world, file, (text) => moveApplications(text, apps, node), what, 'press e and edit the file');
}

async function undoWith(journal: RunJournal, files: FileChoice | undefined, world: World): Promise<string> {
  if (files === undefined) throw new AppError('usage', 'cannot undo anything: this folder has no files');
  return undoLast(journal, files, world);
}

async function readUserSettings(
  { options = {} }: Pick<TuiDemoRequest, 'options'>,
  world: World,
): Promise<{ readonly settings: TuiSettings; readonly problems: readonly ConfigProblem[] }> {
  if (options.theme !== undefined && themeOf(options.theme) === undefined) {
    throw new AppError('usage', `cannot use the theme "${options.theme}": there is none of that name`, {
      hint: `choose one of ${themeNames.join(', ')}`,
    });
  }
  const path = join(world.env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'drover', 'config.yml');
  const text = await readTextBounded(path, configFileBytes).catch(() => undefined);
  if (text === undefined) return { settings: mergeSettings(undefined, world.env, options), problems: [] };
  const read = readSettings(text, path);
  const keys = checkKeys(read.settings.keys, registry).map(
    ({ action, message }): ConfigProblem => ({
      file: path,
      path: `keys/${action}`,
      message,
      ...read.settings.keyPlaces[action],
    }),
  );
  const settings = { ...mergeSettings(read.settings, world.env, options), settingsFile: path };
  return { settings, problems: [...read.problems, ...keys] };
}

async function saveIn(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** Never over a file that is there. */
async function writeSample(
  folder: string,
  sample: 'sample' | 'tutorial',
  { packageFolder }: TuiProcess,
): Promise<void> {
  const schemas = join(packageFolder, 'src', 'config', 'schema');
  const tutorial = join(packageFolder, 'tutorials', 'mongodb', '3-data-moves');
  const own = sampleFiles(schemas);
  for (const name of Object.keys(own)) {
    const text =
      sample === 'sample'
        ? (own[name] ?? '')
        : (await readFile(join(tutorial, name), 'utf8')).replace('../../../src/config/schema', schemas);
    await writeFile(join(folder, name), text, { flag: 'wx' });
  }
}

/** The simulated cluster on the same terminal; comes back when it is left. */
async function simulate(outside: TuiProcess): Promise<void> {
  await openTuiDemo({}, outside);
}

/** The screen on nodes that are not there: nothing outside of this process is touched but the settings file, read. */
export async function openTuiDemo(request: TuiDemoRequest, outside: TuiProcess): Promise<TuiEnd> {
  const { createTuiSimulation } = await import('./simulation/tui-simulation.ts');
  const { settings, problems } = await readUserSettings(request, outside.world);
  const { scale } = request;
  // The simulation does nothing until the user acts: its problems can be looked at before they are fixed.
  const simulation = createTuiSimulation({
    isReadOnly: settings.isReadOnly,
    ...(scale === undefined ? {} : { scale }),
  });
  try {
    const { lines } = await runTui({
      ...processParts(outside),
      ...simulation,
      settings,
      openEditor: simulation.openEditorWith(fileActs({}, outside.world).openEditor),
      save: (name, text) => saveIn(join(outside.stateFolder, 'screens'), name, text),
    });
    const printed = [...lines.map((each) => `SIMULATION: ${each}`), ...problemLines(problems, outside.world)];
    return { code: exitCode.done, lines: printed };
  } finally {
    simulation.end();
    await simulation.engine.close();
  }
}

/** What `drover` offers to write into a folder that has no files yet: small, commented, valid. */
export const sampleFiles = (schemas: string): Readonly<Record<string, string>> => ({
  'application.yml': `# yaml-language-server: $schema=${schemas}/application.schema.json
# What there is: each application is one container, wherever it runs.
version: 1
applications:
  database:
    image: postgres:16
    ports:
      - internal: 5432 # in the container
        external: 5432 # on every node: no two applications may have the same
    environment:
      POSTGRES_PASSWORD: change-me
    volume:
      # What is written here lies on a ZFS dataset and moves with the application.
      mountpoint: /var/lib/postgresql/data
  web:
    image: nginx:1.27
    ports:
      - internal: 80
        external: 8080
    links:
      # DB_PORT_5432_TCP_ADDR and _PORT in web's environment lead to the database, on whichever node it runs.
      - local_port: 5432
        remote_port: 5432
        alias: db
`,
  'deployment.yml': `# yaml-language-server: $schema=${schemas}/deployment.schema.json
# Where each application runs: node -> applications. Move a name to another line, save, and it moves with its data.
version: 1
nodes:
  192.0.2.11: [database]
  192.0.2.12: [web]
`,
});
