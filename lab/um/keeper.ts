/**
 * Keeps one User-Mode Linux machine: starts it, writes the output of its console to console.log, and joins the program
 * that connects to console.sock with the console, one program at a time. It uses its working folder. It ends with the
 * machine, and the machine with it.
 *
 *   node scripts/ts.mjs lab/um/keeper.ts NAME PROGRAM ARGS…
 *
 * NAME marks the process for background.ts.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

const SOCKET = 'console.sock';
/** So much output may wait for a visitor that does not read; the rest is in the log alone. */
const MOST_WAITING_BYTES = 1024 * 1024;

const [program = '', ...args] = process.argv.slice(3);
const log = createWriteStream('console.log', { flags: 'a' });
// The kernel kills the machine when its keeper ends, for any reason.
const machine = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
let visitor: Socket | undefined;

for (const stream of [machine.stdout, machine.stderr]) {
  stream.on('data', (bytes) => {
    log.write(bytes);
    if (visitor && visitor.writableLength < MOST_WAITING_BYTES) visitor.write(bytes);
  });
}
machine.stdin.on('error', () => {}); // the machine has ended, which is handled below
machine.once('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
machine.once('close', (code, signal: string) => {
  rmSync(SOCKET, { force: true });
  console.error(`the machine ended (${signal ?? `status ${code}`})`);
  log.end(() => process.exit(code ?? 1));
});

rmSync(SOCKET, { force: true });
createServer((socket) => {
  visitor?.destroy();
  visitor = socket;
  socket.on('data', (bytes) => machine.stdin.write(bytes));
  socket.on('error', () => {});
  socket.once('close', () => {
    if (visitor === socket) visitor = undefined;
  });
}).listen(SOCKET);
