import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { type PtyProgram, ptyMissing, startPty } from './harness.ts';

const program = fileURLToPath(new URL('../../dist/drover.js', import.meta.url));
const slowMachineMs = 30_000;

/** The bundle itself, in a terminal, on the simulated cluster. */
describe.skipIf(ptyMissing !== undefined)('the whole program in a terminal', () => {
  let open: PtyProgram[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'drover-program-'));
  const start = (args: readonly string[], size: { columns?: number; rows?: number } = {}, env = {}): PtyProgram => {
    const started = startPty([process.execPath, program, ...args], {
      columns: 118,
      rows: 34,
      cwd: folder,
      env: { XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder, HOME: folder, ...env },
      ...size,
    });
    open.push(started);
    return started;
  };
  const demo = async (size = {}, env = {}, flags: readonly string[] = []): Promise<PtyProgram> => {
    const screen = start(['demo', ...flags], size, env);
    await screen.waitFor('9 applications', slowMachineMs);
    return screen;
  };
  const left = async (screen: PtyProgram, code: number): Promise<void> => {
    expect(await screen.exit).toEqual({ code });
    expect(screen.isAlternate()).toBe(false);
    expect(screen.sttyAfter()).toBe(screen.sttyBefore());
    expect(screen.modes()).toEqual({ mouse: 'none', bracketedPaste: false, focus: false });
  };

  afterEach(async () => {
    await Promise.all(open.map((each) => each.close()));
    open = [];
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  describe('gives the terminal back', () => {
    it('after q', async () => {
      const screen = await demo();
      screen.press('q');
      await left(screen, 0);
    });

    it('after ctrl+c', async () => {
      const screen = await demo();
      screen.press('ctrl+c');
      await left(screen, 0);
    });

    it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('after %s', async (signal) => {
      const screen = await demo();
      screen.kill(signal);
      await left(screen, 0);
    });

    it('after the second signal in the middle of a run', async () => {
      const screen = await demo();
      await screen.waitFor('waits for approval');
      screen.press('a');
      await screen.waitFor('Apply');
      screen.press('enter');
      await screen.waitFor('applying');
      screen.kill('SIGTERM');
      screen.kill('SIGTERM');
      await left(screen, 0);
    });

    it('and ends when the terminal goes away', async () => {
      const screen = await demo();
      const pid = screen.pid();
      screen.hangUp();
      const isGone = (): boolean => {
        try {
          process.kill(pid, 0);
          return false;
        } catch {
          return true;
        }
      };
      await expect.poll(isGone, { timeout: slowMachineMs }).toBe(true);
    });
  });

  it('leaves what was applied on the normal screen', async () => {
    const screen = await demo();
    await screen.waitFor('waits for approval');
    screen.press('a');
    await screen.waitFor('Apply');
    screen.press('enter');
    await screen.waitFor('matches the files', slowMachineMs);
    screen.press('q');
    await screen.exit;
    expect(screen.history().join('\n')).toContain('SIMULATION: converged: 6 steps');
  });

  it('survives a storm of sizes, too small ones among them, and draws the last one whole', async () => {
    const screen = await demo();
    for (let i = 0; i < 40; i += 1) screen.resize(40 + ((i * 37) % 160), 10 + ((i * 13) % 50));
    screen.resize(52, 14);
    await screen.waitFor('needs 60×16, has 52×14');
    screen.resize(100, 30);
    // The drawing comes in pieces: what is left of an earlier one stays, and then this is never seen.
    await screen.waitFor(
      (rows) =>
        rows[0]?.includes('drover') === true &&
        (rows[1]?.length ?? 0) === 100 &&
        rows.filter((row) => row.startsWith('╰')).length === 1,
    );
  });

  it('takes no commands from what is pasted, and takes it into a field', async () => {
    const screen = await demo();
    screen.type('\u001b[200~q\nq\u001b[201~');
    await screen.settled(300);
    expect(screen.isAlternate()).toBe(true);
    screen.press('/');
    screen.type('\u001b[200~wi\nki\u001b[201~');
    await screen.waitFor('wiki');
  });

  it('understands an arrow that comes in two pieces', async () => {
    const screen = await demo();
    await screen.waitFor(/▸\S? ?● db/);
    screen.type('\u001b[');
    await new Promise((resolve) => setTimeout(resolve, 15));
    screen.type('B');
    await screen.waitFor(/▸\S? ?● grafana/);
  });

  it('draws without colours where NO_COLOR says so, and in ASCII where that is asked for', async () => {
    const screen = await demo({}, { NO_COLOR: '1' }, ['--ascii']);
    const cells = screen.screen().flatMap((_, row) => screen.cells(row));
    expect(cells.filter(({ foreground, background }) => foreground !== undefined || background !== undefined)).toEqual(
      [],
    );
    expect(screen.screen().join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  it('changes nothing with --read-only, and says why', async () => {
    const screen = await demo({}, {}, ['--read-only']);
    screen.press('m');
    await screen.waitFor('read-only');
    expect(screen.screen()[0]).toContain('READ-ONLY');
  });

  it('explains the two files where there are none, and writes a sample', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'drover-empty-'));
    const screen = startPty([process.execPath, program], { columns: 80, rows: 24, cwd: empty, env: { HOME: folder } });
    open.push(screen);
    await screen.waitFor('welcome', slowMachineMs);
    expect(screen.screen().join('\n')).toContain('deployment.yml');
    screen.press('q');
    await left(screen, 0);
    rmSync(empty, { recursive: true });
  });

  it('shows what is wrong with the files, and f fixes it', async () => {
    const wrong = mkdtempSync(join(tmpdir(), 'drover-wrong-'));
    writeFileSync(join(wrong, 'application.yml'), 'version: 1\napplications:\n  web: { image: nginx }\n');
    writeFileSync(join(wrong, 'deployment.yml'), 'version: 1\nnodes:\n  127.0.0.1: [wbe]\n');
    const screen = startPty([process.execPath, program, '--confirm'], {
      columns: 80,
      rows: 24,
      cwd: wrong,
      env: { HOME: folder, XDG_STATE_HOME: folder },
    });
    open.push(screen);
    await screen.waitFor('did you mean "web"', slowMachineMs);
    screen.press('f');
    await screen.waitFor((rows) => !rows.join('\n').includes('did you mean'), slowMachineMs);
    expect(readFileSync(join(wrong, 'deployment.yml'), 'utf8')).toContain('127.0.0.1: [web]');
    // Nothing listens there. A run that finds that out may be in progress, and q would ask.
    screen.press('ctrl+c', 'ctrl+c');
    await screen.exit;
    rmSync(wrong, { recursive: true });
  });
});
