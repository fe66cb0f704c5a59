import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { replaceText } from './cli/state-files.ts';
import type { TutorialWorld } from './cli/tutorial/world.ts';
import type { ConfigProblem } from './model/config.ts';
import { isCode } from './model/errors.ts';
import { probeTcp } from './node/tcp-probe.ts';
import { readPage } from './tutorial/read-page.ts';
import type { Tutorial } from './tutorial/types.ts';

// Tutorials on the real machine: pages, files, programs and ports.

export interface TutorialOutside {
  readonly packageFolder: string;
  readonly stateFolder: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Node.js and the program itself, as they were started. */
  readonly start: readonly string[];
  readonly shorten: (path: string) => string;
}

export function createTutorialWorld(outside: TutorialOutside): TutorialWorld {
  const { packageFolder, stateFolder, start, cwd, env } = outside;
  const [node = 'node'] = start;
  return {
    packageFolder,
    stateFolder,
    isClone: async () => (await can(join(packageFolder, '.git'), constants.F_OK)) && can(packageFolder, constants.W_OK),
    read: () => readAll(join(packageFolder, 'tutorials'), outside.shorten),
    readIfThere: (path) => readFile(path, 'utf8').catch(nothingIfMissing),
    write: async (path, text) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await replaceText(path, text);
    },
    forget: (name) => rm(join(stateFolder, 'tutorials', name), { recursive: true, force: true }),
    starts: { drover: start, lab: [node, join(packageFolder, 'scripts', 'bootstrap.mjs'), 'lab'], node: [node] },
    run: (words, onLine, signal) => run(words, { cwd, env, onLine, signal }),
    committed: (path) =>
      promisify(execFile)('git', ['-C', packageFolder, 'show', `HEAD:${path}`]).then(
        ({ stdout }) => stdout,
        () => undefined,
      ),
    probe: async (address, port, signal) => {
      const at = await labNode(packageFolder, address, env);
      return await probeTcp(at?.host ?? address, port === sshPort ? (at?.port ?? port) : port, signal);
    },
  };
}

const sshPort = 22;

/** Where this machine reaches a node of the lab: one without root has them on loopback addresses. */
async function labNode(
  packageFolder: string,
  address: string,
  env: TutorialOutside['env'],
): Promise<{ readonly host: string; readonly port: number } | undefined> {
  const { reachOfAddress } = await import(pathToFileURL(join(packageFolder, 'lab', 'paths.mjs')).href);
  return reachOfAddress(address, env);
}

const can = (path: string, mode: number): Promise<boolean> =>
  access(path, mode).then(
    () => true,
    () => false,
  );

function nothingIfMissing(error: unknown): undefined {
  if (isCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
  throw error;
}

async function readAll(folder: string, shorten: (path: string) => string) {
  const tutorials: Tutorial[] = [];
  const problems: ConfigProblem[] = [];
  for (const name of (await readdir(folder)).toSorted()) {
    const path = join(folder, name, 'README.md');
    const text = await readFile(path, 'utf8').catch(nothingIfMissing);
    const read = text === undefined ? undefined : readPage(text, shorten(path), name);
    if (read?.ok === true) tutorials.push(read.tutorial);
    else if (read !== undefined) problems.push(...read.problems);
  }
  return { tutorials, problems };
}

interface RunOptions extends Pick<TutorialOutside, 'cwd' | 'env'> {
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

function run([file = '', ...words]: readonly string[], { cwd, env, onLine, signal }: RunOptions) {
  return new Promise<{ code: number; stdout: string; output: string }>((resolve) => {
    const child = spawn(file, words, {
      cwd,
      env: { ...env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    const [all, results]: [string[], string[]] = [[], []];
    const end = (code: number): void =>
      resolve({ code, stdout: results.map((line) => `${line}\n`).join(''), output: all.join('\n') });
    const hear = (stream: typeof child.stdout, mine?: string[]): void => {
      createInterface({ input: stream }).on('line', (line) => {
        all.push(line);
        mine?.push(line);
        onLine(line);
      });
    };
    hear(child.stdout, results);
    hear(child.stderr);
    child.once('error', (error) => {
      all.push(error.message);
      end(127);
    });
    child.once('close', (code) => end(code ?? 1));
  });
}
