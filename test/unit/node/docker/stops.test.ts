import { spawn } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { DockerApi } from '../../../../src/node/docker/api.ts';
import { createStops, type Stops } from '../../../../src/node/docker/stops.ts';
import type { NodeConnection } from '../../../../src/node/ssh/connection.ts';

const signal = new AbortController().signal;

/** A connection that runs commands on this machine, and their pids. */
function local() {
  const commands: string[][] = [];
  const connection = {
    node: 'node1',
    spawn: async (argv: readonly [string, ...string[]], stop: AbortSignal) => {
      commands.push([...argv]);
      const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
      stop.addEventListener('abort', () => child.kill());
      const done = new Promise<{ code: number; stderrTail: string }>((resolve) =>
        child.on('close', (code) => resolve({ code: code ?? 143, stderrTail: '' })),
      );
      return { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), done };
    },
  };
  return { commands, stops: createStops(connection as unknown as NodeConnection) };
}

function aProgram() {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return { inspect: async () => ({ Id: 'c1', State: { Pid: child.pid } }), end: () => void child.kill(), ended };
}

/** A request to Docker. */
function ask(stops: Stops): Promise<unknown> {
  const api = { json: async () => 'answered' } as unknown as DockerApi;
  return stops.first(api).json({ what: 'ask', method: 'GET', path: '/' }, signal);
}

/** Docker's stop of a container, which is answered when the test says so. */
function aStop() {
  let answer: () => void = () => undefined;
  const answered = new Promise<string>((resolve) => {
    answer = () => resolve('stopped');
  });
  return { stop: () => answered, answer };
}

describe('the end of a program that is stopped', () => {
  test('is reported when it ends, and everything else waits until Docker has finished', async () => {
    const { stops } = local();
    const program = aProgram();
    await stops.watch('web', program.inspect, signal);
    const { stop, answer } = aStop();
    let stopped: Promise<string> | undefined;
    const exited = new Promise<void>((resolve) => {
      stopped = stops.run('web', 'c1', stop, resolve);
    });
    program.end();
    await exited;
    let isSettled = false;
    const settled = ask(stops).then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(isSettled).toBe(false);
    answer();
    await settled;
    expect(await stopped).toBe('stopped');
  });

  test('a stop whose program runs on holds up nothing else', async () => {
    const { stops } = local();
    const program = aProgram();
    await stops.watch('web', program.inspect, signal);
    const { stop, answer } = aStop();
    const stopped = stops.run('web', 'c1', stop, () => expect.unreachable());
    await ask(stops);
    answer();
    await stopped;
    program.end();
    await program.ended;
  });

  test('says nothing where it had ended before, or is that of another container', async () => {
    for (const id of ['c1', 'c2']) {
      const { stops } = local();
      const program = aProgram();
      await stops.watch('web', program.inspect, signal);
      if (id === 'c1') {
        program.end();
        await program.ended;
        // It takes a moment until that is seen.
        await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
      const { stop, answer } = aStop();
      let hasExited = false;
      const stopped = stops.run('web', id, stop, () => {
        hasExited = true;
      });
      program.end();
      await program.ended;
      answer();
      await stopped;
      expect(hasExited).toBe(false);
    }
  });

  test('nothing that a node says in place of a process id becomes part of a command', async () => {
    const { stops, commands } = local();
    for (const Pid of [0, 1, -1, 1.5, '1; reboot', null, Number.MAX_VALUE])
      await stops.watch('web', async () => ({ Id: 'c1', State: { Pid } }), signal);
    await stops.watch('web', () => Promise.reject(new Error('gone')), signal);
    expect(commands).toEqual([]);
  });

  test('is watched for one program at a time, because each watch takes a session', async () => {
    const { commands, stops } = local();
    const [one, two] = [aProgram(), aProgram()];
    await Promise.all([stops.watch('one', one.inspect, signal), stops.watch('two', two.inspect, signal)]);
    expect(commands).toHaveLength(1);
    one.end();
    two.end();
    await Promise.all([one.ended, two.ended]);
  });
});
