/**
 * A client of the writer, outside the nodes: it opens a connection every 50 ms, to each node in turn, until SIGTERM. Then it
 * prints one line of JSON: `downMs` from the last answer of the first boot to the first answer of the next one,
 * `longestWaitMs` of a connection, `answered`, `refused`.
 *
 *   node scripts/ts.mjs test/bench/client.ts PORT ADDRESS…
 */
import { connect } from 'node:net';

const EVERY_MS = 50;
const [port, ...hosts] = process.argv.slice(2);
/** Boot -> time of its last and of its first answer. */
const last = new Map<string, number>();
const first = new Map<string, number>();
const counts = { attempts: 0, answered: 0, refused: 0, longestWaitMs: 0 };

function ask(host: string): void {
  const began = performance.now();
  let text = '';
  const socket = connect({ host, port: Number(port) });
  socket.on('connect', () => {
    counts.longestWaitMs = Math.max(counts.longestWaitMs, performance.now() - began);
  });
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ECONNREFUSED') counts.refused += 1;
  });
  socket.on('close', () => {
    const boot = /boot=(\S+)/.exec(text)?.[1];
    if (boot === undefined) return;
    counts.answered += 1;
    const at = performance.now();
    last.set(boot, at);
    if (!first.has(boot)) first.set(boot, at);
  });
}

setInterval(() => {
  ask(hosts[counts.attempts % hosts.length] ?? '');
  counts.attempts += 1;
}, EVERY_MS);

process.on('SIGTERM', () => {
  const [before = '', after] = [...first.keys()];
  const downMs = after === undefined ? undefined : (first.get(after) ?? 0) - (last.get(before) ?? 0);
  process.stdout.write(`${JSON.stringify({ ...counts, downMs })}\n`, () => process.exit(0));
});
process.stdout.write('ready\n');
