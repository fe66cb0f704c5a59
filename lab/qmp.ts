/** QEMU's control socket: one connection, one command at a time. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { LabError } from './errors.mjs';

const CONNECT_LIMIT_MS = 10_000;

export async function openQmp(path) {
  const socket = connect(path);
  const waiting = [];
  const fail = (error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new LabError('The machine ended while it was being spoken to.')));
  const lines = createInterface({ input: socket });
  lines.on('error', () => {}); // the socket's own, told above
  lines.on('line', (line) => {
    const message = JSON.parse(line);
    if (message.event) return;
    const next = waiting.shift();
    if (message.error) next?.reject(new LabError(`QEMU refused: ${message.error.desc}.`));
    else next?.resolve(message.return ?? message);
  });
  const answer = () => new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  const execute = (command, args) => {
    const reply = answer();
    socket.write(`${JSON.stringify({ execute: command, ...(args ? { arguments: args } : {}) })}\n`);
    return reply;
  };
  const limit = setTimeout(() => socket.destroy(new LabError(`QEMU does not answer on ${path}.`)), CONNECT_LIMIT_MS);
  try {
    await answer(); // the greeting
    await execute('qmp_capabilities');
  } finally {
    clearTimeout(limit);
  }
  return {
    execute,
    /** A command of the human monitor; these report failure by printing something. */
    async monitor(line) {
      const text = (await execute('human-monitor-command', { 'command-line': line })).trim();
      if (text) throw new LabError(`QEMU could not do "${line}": ${text.replace(/\s+/g, ' ')}`);
    },
    close: () => socket.destroy(),
  };
}

/** Opens, uses, closes. */
export async function withQmp(path, use) {
  const qmp = await openQmp(path);
  try {
    return await use(qmp);
  } finally {
    qmp.close();
  }
}
