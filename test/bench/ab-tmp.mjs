import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openOnTerminal, watchUse } from './measure.mjs';
const folder = mkdtempSync(join(tmpdir(), 'drover-ab-'));
const run = async (name, program, args, first, ms) => {
  const screen = openOnTerminal(process.execPath, [program, 'demo', ...args], { cwd: folder, env: { ...process.env, HOME: folder, XDG_STATE_HOME: join(folder, 'state'), CI: '', TERM: 'xterm-256color' } });
  await screen.firstFrame();
  await sleep(first);
  screen.write('\u001b');
  await sleep(2000);
  const use = await watchUse(screen, ms);
  await screen.leave('q');
  console.log(name, args.join(' '), use.cpuPercent.toFixed(2) + '%', (use.bytesPerSecond / 1024).toFixed(2) + 'KiB/s', (use.residentBytes / 2 ** 20).toFixed(0) + 'MiB');
};
const programs = process.argv.slice(2);
for (const args of [[], ['--scale', '100,2000,10']]) for (let i = 0; i < 2; i += 1) for (const p of programs) await run(p, p, args, args.length ? 15000 : 4000, args.length ? 25000 : 12000);
