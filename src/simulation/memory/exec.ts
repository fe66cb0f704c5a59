import { PassThrough, type Readable } from 'node:stream';
import type { ExecOptions, ExecSession } from '../../engine/node-client.ts';
import type { AppName, NodeName } from '../../model/config.ts';
import { AppError } from '../../model/errors.ts';
import { noContainer, ours } from './streams.ts';
import { call, type MemoryWorld } from './world.ts';

/** A program in a simulated container: `echo`, `cat`, `env`, `pwd`, `id`, `true`, `false`, `exit CODE`, or a shell with these. */
export async function execInMemory(
  world: MemoryWorld,
  node: NodeName,
  app: AppName,
  { command, tty, user, workingDir = '/', environment = {} }: ExecOptions,
  signal: AbortSignal,
): Promise<ExecSession> {
  const programs = await call(world, { node, operation: 'containers.exec', write: false }, signal, (machine) => {
    const container = ours(machine, app);
    if (container === undefined) throw noContainer(app, node);
    if (container.state === 'running') {
      if (command !== undefined)
        container.programs.push(`${user === undefined ? '' : `${user}: `}${command.join(' ')}`);
      return container.image.programs ?? {};
    }
    throw new AppError('docker-failed', `cannot run a program in "${container.name}" on "${node}": it is not running`);
  });
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const streams = { stdin, stdout, stderr: tty ? stdout : stderr, tty, prompt: `${app}$ ` };
  const abort = () => stdin.destroy(new AppError('cancelled', 'cancelled'));
  signal.addEventListener('abort', abort, { once: true });
  const ended = run(command, { ...streams, programs, user: user ?? '0', workingDir, environment }).finally(() => {
    signal.removeEventListener('abort', abort);
    stdout.end();
    stderr.end();
  });
  ended.catch(() => undefined);
  return { stdin, stdout, ...(tty ? {} : { stderr }), resize: async () => undefined, ended };
}

interface Streams {
  readonly stdin: Readable;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  readonly tty: boolean;
  readonly prompt: string;
  readonly user: string;
  readonly workingDir: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The exit codes of programs of the image. */
  readonly programs: Readonly<Record<string, number>>;
}

async function run(command: readonly string[] | undefined, streams: Streams): Promise<number> {
  if (command !== undefined && command[0] !== 'sh' && command[0] !== 'bash') return runOne(command, streams);
  return runShell(streams);
}

/** Reads lines and runs them until `exit` or the end of the input. With a terminal, echoes them. */
async function runShell(streams: Streams): Promise<number> {
  const { stdin, stdout, tty, prompt } = streams;
  const newline = tty ? '\r\n' : '\n';
  const end = tty ? prompt : '';
  stdout.write(end);
  let line = '';
  let code = 0;
  for await (const chunk of stdin) {
    for (const character of String(chunk)) {
      if (tty && character === '\u0004') return code;
      if (tty) stdout.write(character === '\r' ? newline : character);
      if (character !== '\r' && character !== '\n') {
        line += character;
        continue;
      }
      const words = line.split(' ').filter((word) => word !== '');
      line = '';
      if (words[0] === 'exit') return Number(words[1] ?? code);
      if (words.length > 0) code = await runOne(words, streams);
      stdout.write(end);
    }
  }
  return code;
}

async function runOne([program = '', ...words]: readonly string[], streams: Streams): Promise<number> {
  const { stdin, stdout, stderr, tty, programs } = streams;
  const newline = tty ? '\r\n' : '\n';
  const code = Object.hasOwn(programs, program) ? programs[program] : undefined;
  if (code !== undefined) {
    stdout.write(`${program} ran${newline}`);
    return code;
  }
  switch (program) {
    case 'echo':
      stdout.write(`${words.join(' ')}${newline}`);
      return 0;
    case 'cat':
      for await (const chunk of stdin) stdout.write(chunk);
      return 0;
    case 'env':
    case 'pwd':
    case 'id': {
      const { environment, workingDir, user } = streams;
      const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
      const said = { env: variables.join(newline), pwd: workingDir, id: user }[program];
      stdout.write(`${said}${newline}`);
      return 0;
    }
    case 'true':
      return 0;
    case 'false':
      return 1;
    case 'exit':
      return Number(words[0] ?? 0);
    default:
      // As in every shell.
      stderr.write(`${program}: not found: this container is simulated${newline}`);
      return 127;
  }
}
