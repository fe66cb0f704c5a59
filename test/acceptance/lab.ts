import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const project = fileURLToPath(new URL('../..', import.meta.url));
const program = join(project, 'dist', 'drover.js');

/** No wait of a test ends earlier: a machine may be slow, and a limit only says that something hangs. */
export const hangsMs = 600_000;

export const node1 = '172.16.255.250';
export const node2 = '172.16.255.251';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** On top of the test's own. */
type Environment = Readonly<Record<string, string>>;

/** Runs a program to its end; never throws for an exit status. */
export function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; timeoutMs?: number; input?: string; env?: Environment } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      [...args],
      {
        cwd: options.cwd ?? project,
        env: { ...process.env, ...options.env },
        timeout: options.timeoutMs ?? hangsMs,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
    // A program that reads nothing may be gone before this.
    child.stdin?.on('error', () => undefined).end(options.input ?? '');
  });
}

export const drover = (args: readonly string[], cwd: string, env: Environment = {}): Promise<Ran> =>
  run(process.execPath, [program, ...args], { cwd, env });

/** Starts drover and hands every JSON event over as it comes. */
export function startDrover(
  args: readonly string[],
  cwd: string,
  onEvent: (event: Record<string, unknown>, child: ChildProcess) => void,
): {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: string | null; stderr: string }>;
} {
  const child = spawn(process.execPath, [program, ...args, '--json'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let rest = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) onEvent(JSON.parse(line), child);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  const ended = new Promise<{ code: number | null; signal: string | null; stderr: string }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal, stderr }));
  });
  return { child, ended };
}

/** A command on a node, past drover: what the cluster really is, asked another way. */
export async function onNode(node: string, command: string, input = ''): Promise<string> {
  const name = node === node1 ? 'node1' : 'node2';
  const ran = await run(process.execPath, [join(project, 'lab', 'lab.mjs'), 'ssh', name, command], { input });
  if (ran.code !== 0) throw new Error(`${name}: ${command}: exit ${ran.code}: ${ran.stderr}`);
  return ran.stdout;
}

/** Names of the containers that run on the node, one a line. */
export const containersOn = (node: string): Promise<string> => onNode(node, "docker ps --format '{{.Names}}'");

/** The MongoDB tutorial's client: `records('node1', 'find')`. */
export const records = (...args: readonly string[]): Promise<Ran> =>
  run(process.execPath, [join(project, 'tutorials', 'mongodb', 'records.mjs'), ...args]);

/** Both nodes as they were right after their first boot: no application, no volume. */
export async function resetLab(): Promise<void> {
  const ran = await run(process.execPath, [join(project, 'lab', 'lab.mjs'), 'reset']);
  if (ran.code !== 0) throw new Error(`cannot reset the lab: ${ran.stderr}${ran.stdout}`);
}

export interface Folder {
  readonly path: string;
  /** Replaces the application file. */
  application(text: string): Promise<void>;
  deploy(placement: Readonly<Record<string, readonly string[]>>): Promise<void>;
  remove(): Promise<void>;
}

/** A folder of its own with the two files. */
export async function folderWith(applicationYaml: string): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'drover-acceptance-'));
  await writeFile(join(path, 'application.yml'), applicationYaml);
  return {
    path,
    application: (text) => writeFile(join(path, 'application.yml'), text),
    async deploy(placement) {
      const nodes = Object.entries(placement).map(([node, apps]) => `  ${node}: [${apps.join(', ')}]\n`);
      await writeFile(join(path, 'deployment.yml'), `version: 1\nnodes:\n${nodes.join('')}`);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** The application of that name running on node1 of a lab that was reset; `settings` is its drover.yml. */
export async function runningOnNode1(name: string, applicationYaml: string, settings?: string): Promise<Folder> {
  await resetLab();
  const folder = await folderWith(applicationYaml);
  if (settings !== undefined) await writeFile(join(folder.path, 'drover.yml'), settings);
  await folder.deploy({ [node1]: [name], [node2]: [] });
  const ran = await drover(['apply'], folder.path);
  if (ran.code !== 0) throw new Error(`cannot start "${name}": ${ran.stdout}${ran.stderr}`);
  return folder;
}

/** `dataset role owner epoch` of every volume of the node, from its own properties only. */
export async function ownersOn(node: string): Promise<readonly string[]> {
  const text = await onNode(node, 'zfs get -Hp -r -t filesystem -s local -o name,value drover:role drover/volumes');
  return text
    .split('\n')
    .filter((line) => line.endsWith('\towner'))
    .map((line) => line.split('\t')[0] ?? '');
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const readText = (path: string): Promise<string> => readFile(path, 'utf8');
export const labIsThere = process.env.DROVER_LAB_INVENTORY !== undefined;
