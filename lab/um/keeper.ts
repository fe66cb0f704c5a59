#!/usr/bin/env node
/**
 * Keeps one User-Mode Linux machine: starts it, writes all that its console says to console.log, and joins the program
 * that connects to console.sock with it, one at a time. Works in its working folder; ends with the machine, and the machine
 * with it.
 *
 *   node keeper.mjs NAME PROGRAM ARGS…      NAME only marks the process
 */
import { spawn } from 'node:child_process';
import { createWriteStream, rmSync } from 'node:fs';
import { createServer } from 'node:net';

const SOCKET = 'console.sock';
/** A visitor who does not read loses what is said meanwhile; the log has it. */
const MOST_WAITING_BYTES = 1024 * 1024;

const [program, ...args] = process.argv.slice(3);
const log = createWriteStream('console.log', { flags: 'a' });
// The kernel ends the machine with its keeper, whatever ends that one.
const machine = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
let visitor;

for (const stream of [machine.stdout, machine.stderr]) {
  stream.on('data', (bytes) => {
    log.write(bytes);
    if (visitor && visitor.writableLength < MOST_WAITING_BYTES) visitor.write(bytes);
  });
}
machine.stdin.on('error', () => {}); // the machine has ended, which is reported below
machine.once('error', (error) => {
  console.error(error.message);
  process.exitCode = 1;
});
machine.once('close', (code, signal) => {
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
