/**
 * Makes the pictures of the README with the program itself (`ctrl+s`) on the simulated cluster:
 *
 *   npm run pictures
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { spawn as spawnPty } from '@lydell/node-pty';
import xterm from '@xterm/headless';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const target = join(root, 'tutorials', 'pictures');
const size = { columns: 118, rows: 32 };
const WAIT_MS = 30_000;

interface Player {
  press(keys: string): void;
  /** Resolves when the screen shows the text. */
  waitFor(wanted: string): Promise<void>;
}

/** Starts the demo, calls `play`, presses ctrl+s, and keeps the picture. */
async function take(name: string, play: (player: Player) => Promise<unknown>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'drover-picture-'));
  const editor = join(folder, 'editor.sh');
  // Makes two mistakes in the file.
  writeFileSync(
    editor,
    `#!/bin/sh\nfor last; do :; done\nsed -i 's/maximum_size/maximum_sise/; s/external: 5000/external: 143/' "$last"\n`,
  );
  chmodSync(editor, 0o755);
  const screen = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true });
  const program = spawnPty(process.execPath, [join(root, 'dist', 'drover.js'), 'demo', '--theme', 'dark'], {
    name: 'xterm-256color',
    cols: size.columns,
    rows: size.rows,
    env: { ...process.env, COLORTERM: 'truecolor', XDG_STATE_HOME: folder, XDG_CONFIG_HOME: folder, EDITOR: editor },
  });
  program.onData((data) => screen.write(data));
  const text = (): string =>
    Array.from({ length: size.rows }, (_, y) => screen.buffer.active.getLine(y)?.translateToString(true) ?? '').join(
      '\n',
    );
  const waitFor: Player['waitFor'] = async (wanted) => {
    for (const began = Date.now(); !text().includes(wanted); await sleep(50)) {
      if (Date.now() - began > WAIT_MS) throw new Error(`"${wanted}" did not appear for ${name}:\n${text()}`);
    }
  };
  try {
    await waitFor('9 applications');
    await play({ press: (keys) => program.write(keys), waitFor });
    // ctrl+s
    program.write('\u0013');
    await waitFor('picture in');
    const pictures = join(folder, 'drover', 'screens');
    const [svg = ''] = readdirSync(pictures).filter((file) => file.endsWith('.svg'));
    writeFileSync(join(target, `${name}.svg`), readFileSync(join(pictures, svg)));
    process.stdout.write(`${join('tutorials', 'pictures', `${name}.svg`)}\n`);
  } finally {
    program.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

mkdirSync(target, { recursive: true });
await take('board', () => sleep(12_000));
await take('move', async ({ press, waitFor }) => {
  await sleep(3000);
  press('m');
  await waitFor('move "db"');
  press('\r');
  await waitFor('3 changes');
  press('a');
  await waitFor('Apply');
  press('\r');
  await waitFor('applying');
  press('2');
  await sleep(300);
  press('\r');
  await waitFor('MiB/s');
  await sleep(5000);
});
await take('problems', async ({ press, waitFor }) => {
  press('e');
  await waitFor('unknown key');
});
await take('help', async ({ press, waitFor }) => {
  press('?');
  await waitFor('NAVIGATE');
});
