import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';

export const project = fileURLToPath(new URL('../..', import.meta.url));
export const labProgram = join(project, 'lab', 'lab.mjs');

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly ms: number;
}

/** Runs a program to its end; both its outputs together; never throws for an exit status. */
export function run(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ran> {
  const [file = '', ...args] = words;
  const began = Date.now();
  return new Promise((resolve) => {
    const options = { cwd: project, env, maxBuffer: 64 * 1024 * 1024, timeout: 2_400_000 };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({ code, out: stdout + stderr, ms: Date.now() - began });
    });
    child.stdin?.end();
  });
}

export const say = (text: string): void => {
  process.stdout.write(`  ${text}\n`);
};

/** The lab's command for one lab, run by somebody. */
export interface LabTool {
  /** Fails where the command does; the time it took is printed. */
  do(...args: string[]): Promise<string>;
  try(...args: string[]): Promise<Ran>;
  /** A command on a node. */
  on(node: string, command: string): Promise<string>;
  status(): Promise<{ readonly code: number; readonly nodes: readonly NodeStatus[] }>;
}

export interface NodeStatus {
  readonly name: string;
  readonly state: string;
  readonly ssh?: boolean;
  readonly reach: string;
  readonly broken: readonly string[];
}

export function labTool(prefix: readonly string[], env: NodeJS.ProcessEnv): LabTool {
  const attempt = (...args: string[]): Promise<Ran> => run([...prefix, process.execPath, labProgram, ...args], env);
  const must = async (...args: string[]): Promise<string> => {
    const ran = await attempt(...args);
    if (args[0] !== 'ssh') say(`lab ${args.join(' ')}: ${(ran.ms / 1000).toFixed(1)} s`);
    if (ran.code !== 0) throw new Error(`lab ${args.join(' ')}: exit ${ran.code}: ${ran.out}`);
    return ran.out;
  };
  return {
    do: must,
    try: attempt,
    on: async (node, command) => (await must('ssh', node, command)).trim(),
    async status() {
      const { code, out } = await attempt('status', '--json');
      return { code, nodes: JSON.parse(out).nodes };
    },
  };
}

/**
 * Types on a node's console as a person would and returns what it showed: `command`, then ctrl+]. `until` is what to
 * wait for before leaving.
 */
export function typeOnConsole(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  { command, until }: { readonly command: string; readonly until: RegExp },
): Promise<{ readonly code: number; readonly shown: string }> {
  const [file = '', ...args] = words;
  const terminal = spawnPty(file, args, { cwd: project, env, cols: 100, rows: 30 });
  let shown = '';
  let typed = false;
  return new Promise((resolve, reject) => {
    const limit = setTimeout(() => {
      terminal.kill();
      reject(new Error(`the console did not show ${until}: ${shown}`));
    }, 120_000);
    terminal.onData((text) => {
      shown += text;
      if (!typed && /# $/.test(shown)) {
        typed = true;
        terminal.write(`${command}\r`);
      }
      if (typed && until.test(shown)) terminal.write('\u001d');
    });
    terminal.onExit(({ exitCode }) => {
      clearTimeout(limit);
      resolve({ code: exitCode, shown });
    });
  });
}

/** Share of pings that get no answer, in percent. */
export async function pingLoss(words: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { out } = await run(words, env);
  return Number(/([\d.]+)% packet loss/.exec(out)?.[1] ?? 100);
}

/** Everything on this machine that a lab of this name, or one of this user, could leave behind, one thing a line. */
export async function tracesOf(mark: string, folders: readonly string[]): Promise<readonly string[]> {
  const lines = async (kind: string, ...words: string[]): Promise<readonly string[]> =>
    (await run(words)).out
      .split('\n')
      .filter(Boolean)
      .map((line) => `${kind} ${line}`);
  const processes = (await lines('process', 'ps', '-eo', 'user:32=,args=')).filter((line) => line.includes(mark));
  const links = (await lines('link', 'ip', '-o', 'link')).map((line) => line.replace(/^(link )\d+: (\S+).*/, '$1$2'));
  return [
    ...processes,
    // Other labs come and go on a shared machine; only this one's are counted.
    ...links.filter((line) => line.includes('drv-') || line.includes('drover')),
    ...(await lines('namespace', 'ip', 'netns', 'list')).filter((line) => line.includes(mark)),
    ...(await lines('table', 'nft', 'list', 'tables')).filter((line) => line.includes('drover')),
    ...(await lines('socket', 'ss', '-xlH')).filter((line) => line.includes(mark)),
    ...(await Promise.all(folders.map((folder) => lines('file', 'find', folder)))).flat(),
  ].sort();
}
