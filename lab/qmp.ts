/** QEMU's control socket (QMP): one connection, one command at a time. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { LabError } from './errors.mjs';

const CONNECT_LIMIT_MS = 10_000;

export interface Qmp {
  /** Resolves to QEMU's answer. Throws LabError. */
  execute(command: string, args?: object): Promise<unknown>;
  /** Runs a command of the human monitor, which reports a failure by printing it. Throws LabError. */
  monitor(line: string): Promise<void>;
  close(): void;
}

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

async function openQmp(path: string): Promise<Qmp> {
  const socket = connect(path);
  const waiting: Waiting[] = [];
  const fail = (error: Error): void => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  socket.on('error', fail);
  socket.on('close', () => fail(new LabError('The machine ended before it answered.')));
  const lines = createInterface({ input: socket });
  lines.on('error', () => {}); // the socket's own error, handled above
  lines.on('line', (line) => {
    const message = JSON.parse(line);
    if (message.event) return;
    const next = waiting.shift();
    if (message.error) next?.reject(new LabError(`QEMU refused: ${message.error.desc}.`));
    else next?.resolve(message.return ?? message);
  });
  const answer = (): Promise<unknown> => new Promise((resolve, reject) => waiting.push({ resolve, reject }));
  const execute = (command: string, args?: object): Promise<unknown> => {
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
    async monitor(line: string) {
      const text = String(await execute('human-monitor-command', { 'command-line': line })).trim();
      if (text) throw new LabError(`QEMU could not do "${line}": ${text.replace(/\s+/g, ' ')}`);
    },
    close: () => void socket.destroy(),
  };
}

/** Opens the socket, calls `use`, closes it. */
export async function withQmp<T>(path: string, use: (qmp: Qmp) => Promise<T>): Promise<T> {
  const qmp = await openQmp(path);
  try {
    return await use(qmp);
  } finally {
    qmp.close();
  }
}
