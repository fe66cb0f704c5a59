import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { PtyOptions, PtyProgram } from './harness.ts';
import { bundleFixture, ptyMissing, startPty } from './harness.ts';

let fixture = '';
const open: PtyProgram[] = [];

function start(command: readonly string[], options?: PtyOptions): PtyProgram {
  const program = startPty(command, options);
  open.push(program);
  return program;
}

async function startScreen(options?: PtyOptions): Promise<PtyProgram> {
  const program = start([process.execPath, fixture], options);
  await program.waitFor('ready');
  return program;
}

function expectRestored(program: PtyProgram): void {
  expect(program.sttyAfter()).toBe(program.sttyBefore());
  expect(program.sttyAfter()).toContain(' icanon');
  expect(program.isAlternate()).toBe(false);
  expect(program.modes()).toEqual({ mouse: 'none', bracketedPaste: false, focus: false });
  // Autowrap on, cursor shown: what xterm does not tell stands in what was written last.
  const last = program.output().lastIndexOf('\u001b[?1049l');
  expect(program.output().slice(last - 40, last)).toContain('\u001b[?7h\u001b[?25h');
}

describe.skipIf(ptyMissing !== undefined)(`a terminal ${ptyMissing ?? ''}`, () => {
  beforeAll(async () => {
    fixture = await bundleFixture('screen.ts');
  });
  afterEach(async () => {
    for (const program of open.splice(0)) await program.close();
  });

  it('is entered: alternate screen, raw keys, one frame that fills it to its last cell', async () => {
    const program = await startScreen({ columns: 40, rows: 10 });
    expect(program.isAlternate()).toBe(true);
    expect(program.modes()).toEqual({ mouse: 'none', bracketedPaste: true, focus: true });
    const screen = program.screen();
    expect(screen[0]).toBe('size 40x10');
    expect(screen[9]).toBe(`${'='.repeat(39)}#`);
  });

  it.each([
    ['returns', 'q', 0],
    ['calls exit', 'x', 7],
    ['throws', 't', 1],
    ['has a promise that nothing handles', 'r', 1],
  ])('is as it was after a program that %s', async (_, key, code) => {
    const program = await startScreen();
    program.type(key);
    expect(await program.exit).toEqual({ code });
    expectRestored(program);
    const said = { t: 'thrown in a handler', r: 'rejected without a handler', q: 'goodbye' }[key];
    if (said !== undefined) expect(program.history().join('\n')).toContain(said);
    expect(program.history().join('\n')).not.toContain('ready');
  });

  it('keeps what is printed after it was given back, at the place where the program was started', async () => {
    const program = start(['sh', '-c', `echo before; ${process.execPath} ${fixture}; printf "after"`]);
    await program.waitFor('ready');
    program.type('w');
    await program.exit;
    expect(program.screen().slice(0, 5)).toEqual(['before', 'three lines', 'of a', 'summary', 'after']);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('is as it was after %s', async (signal, code) => {
    const program = await startScreen({ env: { FIXTURE_MOUSE: '1' } });
    expect(program.modes().mouse).toBe('vt200');
    program.kill(signal);
    expect(await program.exit).toEqual({ code });
    expectRestored(program);
  });

  it('that goes away ends the program, and nothing else goes wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-hang-'));
    const errors = join(folder, 'errors');
    const program = start(['sh', '-c', `exec ${process.execPath} ${fixture} 2>${errors}`]);
    await program.waitFor('ready');
    const pid = program.pid();
    program.hangUp();
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 60_000 });
    expect(readFileSync(errors, 'utf8')).toBe('');
    rmSync(folder, { recursive: true });
  });

  it('distinguishes keys, pastes, clicks and the focus', async () => {
    const program = await startScreen({ columns: 120 });
    program.type('jj\u001b[A\u001b[200~q\nx\u001b[201~\u001b[<0;3;4M\u001b[I');
    const screen = await program.waitFor('"focus"');
    expect(screen.slice(2, 8)).toEqual([
      'key j',
      'key j',
      'key up',
      '{"type":"paste","text":"q\\nx"}',
      '{"type":"mouse","action":"press","button":"left","x":2,"y":3,"shift":false,"alt":false,"ctrl":false}',
      '{"type":"focus","has":true}',
    ]);
    program.type('\u001b');
    await program.waitFor('key escape');
  });

  it('is drawn again in its new size, however often that changes', async () => {
    const program = await startScreen();
    for (let i = 0; i < 20; i++) program.resize(60 + (i % 7), 12 + (i % 5));
    program.resize(50, 9);
    const screen = await program.waitFor((rows) => rows[0] === 'size 50x9' && rows[8] === `${'='.repeat(49)}#`);
    expect(screen.slice(1)).toEqual(['ready', '', '', '', '', '', '', `${'='.repeat(49)}#`]);
  });

  it('is lent to an editor as it was, and comes back', async () => {
    const program = await startScreen();
    program.type('e');
    const lent = await program.waitFor('editor on 24 80');
    expect(program.isAlternate()).toBe(false);
    expect(lent.join('\n')).toMatch(/ icanon/);
    program.type('words\r');
    const back = await program.waitFor('editor ended');
    expect(program.isAlternate()).toBe(true);
    expect(back[23]).toBe(`${'='.repeat(79)}#`);
    program.type('q');
    await program.exit;
    expect(program.history().join('\n')).toContain('got words');
    expectRestored(program);
  });

  it('is connected with a remote program until ctrl+], and what that left behind is undone', async () => {
    const program = await startScreen();
    program.type('s');
    await program.waitFor('resized 80x24');
    expect(program.isAlternate()).toBe(false);
    expect(program.history().join('\n')).toContain('shell here, ctrl+] leaves');
    program.type('hello \u0003 \u001b[?1003h\u001b[?1049h\n');
    await program.waitFor(() => program.modes().mouse === 'any');
    program.resize(70, 20);
    await program.waitFor('resized 70x20');
    program.type('\u001d');
    await program.waitFor('shell {"how":"detached"} 80x24 70x20');
    expect(program.isAlternate()).toBe(true);
    expect(program.modes().mouse).toBe('none');
    program.type('jq');
    await program.exit;
    expectRestored(program);
  });

  it('gets the title, the bell, a notification and the clipboard, and the old title back', async () => {
    const program = await startScreen({ env: { TMUX: '/tmp/x' } });
    program.type('nc');
    await program.waitFor('copied true false');
    expect([program.title(), program.bells()]).toEqual(['drover 42 %', 1]);
    const out = program.output();
    expect(out).toContain('\u001bPtmux;\u001b\u001b]9;drover: the run has ended\u0007\u001b\\');
    expect(out).toContain('\u001b]52;c;dGV4dA==\u0007');
    program.type('q');
    await program.exit;
    expect(program.output()).toContain('\u001b[22;0t');
    expect(program.output()).toContain('\u001b[23;0t');
  });

  it('does not stop the program while it takes nothing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'drover-flood-'));
    const file = join(folder, 'beats');
    writeFileSync(file, '');
    const program = await startScreen({ columns: 200, rows: 60, env: { FIXTURE_FILE: file } });
    program.pause();
    program.type('f');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const beats = readFileSync(file, 'utf8').length;
    program.resume();
    await program.waitFor(' 99');
    rmSync(folder, { recursive: true });
    expect(beats).toBeGreaterThan(30);
    program.type('x');
    await program.exit;
    expectRestored(program);
  });

  it('is given back while the program sleeps, and taken again when it goes on', async () => {
    const program = start(['bash', '--norc', '--noprofile', '-i'], { env: { PS1: '$ ' } });
    await program.waitFor('$');
    program.type(`${process.execPath} ${fixture}\r`);
    await program.waitFor('ready');
    program.press('ctrl+z');
    await program.waitFor('Stopped');
    expect(program.isAlternate()).toBe(false);
    program.type('stty -a; echo end-of-stty\r');
    expect((await program.waitFor(/\nend-of-stty/)).join('\n')).toMatch(/ icanon/);
    program.type('fg\r');
    await program.waitFor('ready');
    program.press('j');
    await program.waitFor('key j');
    expect(program.isAlternate()).toBe(true);
  });
});
