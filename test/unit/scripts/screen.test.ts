import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wantsScreen } from '../../../scripts/screen.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const runner = join(root, 'scripts', 'ts.mjs');
const screenFile = join(root, 'scripts', 'screen.ts');
const progressFile = join(root, 'scripts', 'progress.mjs');
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-screen-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('whether npm start shows a screen', () => {
  const [terminal, pipe] = [{ isTTY: true }, {}];
  it.each([
    ['a person at a terminal', { env: { TERM: 'xterm' }, stdin: terminal, stdout: terminal }, true],
    ['output into a file', { env: { TERM: 'xterm' }, stdin: terminal, stdout: pipe }, false],
    ['no keyboard', { env: { TERM: 'xterm' }, stdin: pipe, stdout: terminal }, false],
    ['a terminal that cannot move its cursor', { env: { TERM: 'dumb' }, stdin: terminal, stdout: terminal }, false],
    ['continuous integration', { env: { CI: 'true' }, stdin: terminal, stdout: terminal }, false],
    ['a screen reader', { env: { INK_SCREEN_READER: 'true' }, stdin: terminal, stdout: terminal }, false],
    ['a lab in a namespace of its own', { env: { DROVER_LAB: 'mine' }, stdin: terminal, stdout: terminal }, true],
    ['the lab by its usual name', { env: { DROVER_LAB: 'default' }, stdin: terminal, stdout: terminal }, true],
  ])('%s', (_who, given, wants) => {
    expect(wantsScreen(given)).toBe(wants);
  });
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** `npm start` with a lab that takes so long, and a screen that waits for the lab's end or leaves before. */
async function startWith(lab: string, screen: 'waits' | 'leaves' | 'fails', interruptAt?: string): Promise<Ran> {
  const labFile = join(folder, 'lab.mjs');
  await writeFile(labFile, `import { progress } from ${JSON.stringify(progressFile)};\n${lab}`);
  const waits = `
    let text = '';
    while (!text.includes('"ended"')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      text = existsSync(stages) ? readFileSync(stages, 'utf8') : '';
      if (text.includes('started') && ${JSON.stringify(screen)} !== 'waits') return ${screen === 'fails' ? 2 : 130};
    }
    process.stdout.write(text);
    return 0;`;
  const main = `
    import { existsSync, readFileSync } from 'node:fs';
    import { startOnScreen } from ${JSON.stringify(screenFile)};
    const screen = async (stages) => {${waits}\n};
    const after = async () => { process.stdout.write('the cluster\\n'); return 0; };
    process.exitCode = await startOnScreen({ screen, after, lab: [process.execPath, ${JSON.stringify(labFile)}] });`;
  const mainFile = join(folder, 'main.mjs');
  await writeFile(mainFile, main);
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH, TMPDIR: folder };
    const child = execFile(process.execPath, [runner, mainFile], { env }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), out, err }),
    );
    child.stderr?.on('data', (text) => {
      if (interruptAt !== undefined && String(text).includes(interruptAt)) child.kill('SIGINT');
    });
  });
}

describe('npm start on a screen', () => {
  it('shows the stages of the lab, and the cluster when it is up', async () => {
    const ran = await startWith(`progress.stage('booting', { expectedMs: 9000 }).done();`, 'waits');
    expect([ran.code, ran.err]).toEqual([0, '']);
    const lines = ran.out.trimEnd().split('\n');
    expect(lines.at(-1)).toBe('the cluster');
    expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toMatchObject([
      { event: 'started', name: 'booting', expectedMs: 9000 },
      { event: 'done', name: 'booting' },
      { event: 'ended', code: 0 },
    ]);
  });

  it('ends with the status of a lab that failed, and prints the end of its output', async () => {
    const ran = await startWith(`process.stderr.write('lab: no space left\\n'); process.exitCode = 3;`, 'waits');
    expect([ran.code, ran.err]).toEqual([3, 'lab: no space left\n']);
    expect(ran.out).not.toContain('the cluster');
  });

  it('stops the lab at a safe place when the user leaves before it is up', async () => {
    const undone = join(folder, 'undone');
    const ran = await startWith(
      `import { writeFileSync } from 'node:fs';
      process.on('SIGTERM', () => { writeFileSync(${JSON.stringify(undone)}, ''); process.exit(143); });
      progress.stage('booting');
      setInterval(() => {}, 1000);`,
      'leaves',
    );
    expect(ran.code).toBe(130);
    expect(ran.err).toContain('stopping the lab at a safe place');
    expect(existsSync(undone)).toBe(true);
  });
});

describe('npm start, left before the lab is up', () => {
  it('has the status of a screen that could not open', async () => {
    const ran = await startWith(`progress.stage('booting');\nsetInterval(() => {}, 1000);`, 'fails');
    expect(ran.code).toBe(2);
  });

  it('kills a lab that does not stop when the user presses Ctrl-C', async () => {
    const deaf = `process.on('SIGTERM', () => {});\nprogress.stage('booting');\nsetInterval(() => {}, 1000);`;
    const ran = await startWith(deaf, 'leaves', 'Ctrl-C ends it at once');
    expect(ran.code).toBe(130);
  });
});

describe('the record of progress', () => {
  it('has the lines of child processes too, and the terminal has the same lines as without it', async () => {
    const file = join(folder, 'progress.jsonl');
    const program = `
      import { progress } from ${JSON.stringify(progressFile)};
      const stage = progress.stage(process.argv[2]);
      if (process.argv[2] === 'outer') {
        const { spawnSync } = await import('node:child_process');
        spawnSync(process.execPath, [process.argv[1], 'inner'], { stdio: 'inherit' });
      }
      stage.done('well');`;
    await writeFile(join(folder, 'work.mjs'), program);
    const err = await new Promise<string>((resolve) => {
      const env = { PATH: process.env.PATH, DROVER_PROGRESS_FILE: file };
      const child = spawn(process.execPath, [join(folder, 'work.mjs'), 'outer'], { env });
      let text = '';
      child.stderr.on('data', (chunk) => {
        text += chunk;
      });
      child.once('close', () => resolve(text));
    });
    const events = (await readFile(file, 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ event, name }) => `${event} ${name}`)).toEqual([
      'started outer',
      'started inner',
      'done inner',
      'done outer',
    ]);
    expect(new Set(events.map(({ id }) => id)).size).toBe(2);
    expect(err.replace(/\d+\.\d s/g, 'n')).toBe('  outer …\n  inner …\n✔ inner: well (n)\n✔ outer: well (n)\n');
  });
});
