import { afterEach, describe, expect, it } from 'vitest';
import type { PtyProgram } from './harness.ts';
import { bytesOfKey, ptyMissing, startPty } from './harness.ts';

let program: PtyProgram | undefined;
const sh = (script: string, columns = 40, rows = 8): PtyProgram => {
  program = startPty(['sh', '-c', script], { columns, rows });
  return program;
};

describe.skipIf(ptyMissing !== undefined)(`the pseudo-terminal ${ptyMissing ?? ''}`, () => {
  afterEach(async () => {
    await program?.close();
    program = undefined;
  });

  it('shows what a program writes and how it ended', async () => {
    const { screen, exit } = sh('printf "one\\ntwo\\n"; exit 3');
    expect(await exit).toEqual({ code: 3 });
    expect(screen().slice(0, 3)).toEqual(['one', 'two', '']);
    expect(screen()).toHaveLength(8);
  });

  it('types, and waits for what comes of it', async () => {
    const shell = sh('read -r line; echo "got $line"; sleep 20');
    shell.type('words\r');
    expect(await shell.waitFor('got words')).toContain('got words');
  });

  it('says what is on the screen when something does not come', async () => {
    const shell = sh('echo something; sleep 20');
    await shell.waitFor('something');
    await expect(shell.waitFor('else', 50)).rejects.toThrow(
      /else is not on the screen after 50 ms.*runs.*\nsomething/s,
    );
  });

  it('knows the colours and the width of each cell', async () => {
    const shell = sh('printf "a\\033[1;32mb\\033[0;48;2;1;2;3m字\\033[0m\\033[7mi"');
    await shell.exit;
    const cells = shell.cells(0);
    expect(cells.slice(0, 5).map(({ text, width }) => [text, width])).toEqual([
      ['a', 1],
      ['b', 1],
      ['字', 2],
      ['', 0],
      ['i', 1],
    ]);
    expect(cells[1]).toMatchObject({ bold: true, foreground: 2 });
    expect(cells[2]).toMatchObject({ bold: false, background: '#010203' });
    expect(cells[4]).toMatchObject({ inverse: true });
  });

  it('knows the alternate screen, the title, the bell and what scrolled away', async () => {
    const shell = sh('seq 20; printf "\\033]2;name\\007\\007\\033[?1049hother"; sleep 20');
    await shell.waitFor('other');
    expect([shell.isAlternate(), shell.title(), shell.bells()]).toEqual([true, 'name', 1]);
    expect(shell.history().slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
  });

  it('changes the size', async () => {
    const shell = sh('trap "stty size" WINCH; echo up; while :; do sleep 0.05; done');
    await shell.waitFor('up');
    shell.resize(33, 7);
    await shell.waitFor('7 33');
  });

  it('sends signals to the program, and sees the terminal as it was left', async () => {
    const shell = sh('stty -icanon; echo up; exec sleep 20');
    await shell.waitFor('up');
    shell.kill('SIGTERM');
    expect(await shell.exit).toEqual({ code: 143 });
    expect(shell.sttyBefore()).toContain(' icanon');
    expect(shell.sttyAfter()).toContain('-icanon');
  });

  it('knows the bytes of keys', () => {
    expect(['ctrl+c', 'ctrl+]', 'up', 'A', 'enter'].map(bytesOfKey)).toEqual(['\x03', '\x1d', '\x1b[A', 'A', '\r']);
  });
});
