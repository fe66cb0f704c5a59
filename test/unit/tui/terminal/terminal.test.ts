import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Terminal } from '../../../../src/tui/terminal/terminal.ts';
import { openTerminal } from '../../../../src/tui/terminal/terminal.ts';
import { createFakeInput, createFakeOutput } from '../../../fakes/tty.ts';

function open(suspend: (session: Terminal) => void = () => undefined) {
  const stdin = createFakeInput();
  const stdout = createFakeOutput();
  const keys: string[] = [];
  const listeners = { signal: () => {}, end: () => {}, goesOn: () => {} };
  const session: Terminal = openTerminal({
    stdin,
    stdout,
    env: {},
    onEvent: (event) => keys.push(event.type === 'key' ? event.key : event.type),
    onSignal: (listener) => {
      listeners.signal = () => listener('SIGTERM');
      return () => {
        listeners.signal = () => {};
      };
    },
    onEnd: (listener) => {
      listeners.end = listener;
      return () => {
        listeners.end = () => {};
      };
    },
    onContinue: (listener) => {
      listeners.goesOn = listener;
      return () => undefined;
    },
    suspend: () => suspend(session),
  });
  const count = (sequence: string): number => stdout.taken.join('').split(sequence).length - 1;
  return {
    stdin,
    stdout,
    keys,
    listeners,
    session,
    entered: () => count('\u001b[?1049h'),
    left: () => count('\u001b[?1049l'),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

function aRemote() {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()];
  const settle: { end: (code: number) => void; fail: (error: Error) => void } = { end: () => {}, fail: () => {} };
  const ended = new Promise<number>((resolve, reject) => {
    settle.end = resolve;
    settle.fail = reject;
  });
  const sizes: string[] = [];
  const resize = async (columns: number, rows: number): Promise<void> => {
    sizes.push(`${columns}x${rows}`);
  };
  return { remote: { stdin, stdout, ended, resize }, settle, sizes };
}

describe('the terminal session', () => {
  it('takes the terminal and gives it back once', async () => {
    const { stdin, session, entered, left } = open();
    session.close();
    session.close();
    await turn();
    expect([entered(), left(), stdin.raw, session.isClosed()]).toEqual([1, 1, [true, false], true]);
    expect(stdin.isPaused()).toBe(true);
  });

  it.each(['signal', 'end'] as const)('gives it back after the %s of the process', async (how) => {
    const { listeners, left, stdin } = open();
    listeners[how]();
    listeners.end();
    await turn();
    expect([left(), stdin.raw]).toEqual([1, [true, false]]);
  });

  it('leaves nothing behind on the streams', async () => {
    const { session, stdin, stdout } = open();
    const count = (): number =>
      [stdin, stdout]
        .flatMap((stream) => ['data', 'error', 'resize'].map((event) => stream.listenerCount(event)))
        .reduce((a, b) => a + b);
    expect(count()).toBe(4);
    session.close();
    await turn();
    expect(count()).toBe(0);
  });

  it('does nothing after it was closed', async () => {
    const { session, stdout } = open();
    session.close();
    await turn();
    const before = stdout.taken.length;
    session.setTitle('x');
    session.bell();
    session.notify('a', 'b');
    session.suspend();
    session.presenter.show(['x']);
    await turn();
    expect([session.copy('x'), stdout.taken.length]).toEqual([false, before]);
    expect(await session.handOver(async () => 'done')).toBe('done');
    expect(await session.passThrough(aRemote().remote)).toEqual({ how: 'closed' });
    expect(stdout.taken.length).toBe(before);
  });

  it('gives the screen back after a frame that a slow terminal has still to take, not before', async () => {
    const { session, stdout } = open();
    session.presenter.show(['first']);
    await turn();
    stdout.hold();
    session.presenter.show(['frame']);
    session.presenter.repaint();
    session.presenter.repaint();
    session.presenter.setMaxFps(1000);
    await turn();
    session.close();
    stdout.go();
    await turn();
    const text = stdout.taken.join('');
    expect(text.lastIndexOf('frame')).toBeGreaterThan(0);
    expect(text.lastIndexOf('frame')).toBeLessThan(text.lastIndexOf('\u001b[?1049l'));
  });

  it('says it again when the process ends before a slow terminal took it', async () => {
    const { session, stdout, listeners, left } = open();
    session.presenter.show(['frame']);
    stdout.hold();
    session.presenter.repaint();
    session.close();
    listeners.end();
    stdout.go();
    await turn();
    expect(left()).toBe(1);
    // Without `?1049l`, which would put the cursor where it was before the program began.
    expect(stdout.taken.at(-1)).toContain('\u001b[?1047l');
  });

  it('lends the terminal and reads no keys until it is back', async () => {
    const { session, stdin, keys, entered, left } = open();
    session.presenter.show(['frame']);
    const result = await session.handOver(async () => {
      expect([left(), stdin.raw]).toEqual([1, [true, false]]);
      expect(stdin.listenerCount('data')).toBe(0);
      return 42;
    });
    stdin.write('j');
    await turn();
    expect([result, entered(), stdin.raw.at(-1), keys]).toEqual([42, 2, true, ['j']]);
  });

  it('takes the terminal back from work that fails', async () => {
    const { session, entered } = open();
    await expect(session.handOver(() => Promise.reject(new Error('no editor')))).rejects.toThrow('no editor');
    await turn();
    expect(entered()).toBe(2);
  });

  it('does not take it back where it was closed in between', async () => {
    const { session, listeners, entered, stdin } = open();
    await session.handOver(async () => listeners.signal());
    await turn();
    expect([entered(), stdin.raw]).toEqual([1, [true, false]]);
  });

  it('gives the terminal back before the process sleeps, and takes it after', async () => {
    const during: unknown[] = [];
    const made = open(() => during.push([...made.stdin.raw]));
    made.session.suspend();
    await turn();
    expect(during).toEqual([[true, false]]);
    expect([made.entered(), made.stdin.raw]).toEqual([2, [true, false, true]]);
  });

  it('sets the modes again when the process continues after it was stopped', async () => {
    const { listeners, entered, stdin } = open();
    listeners.goesOn();
    await turn();
    expect([entered(), stdin.raw]).toEqual([2, [true, false, true]]);
  });

  it('connects a remote program in both directions until it ends', async () => {
    const { session, stdin, stdout, keys, entered } = open();
    const { remote, settle, sizes } = aRemote();
    const end = session.passThrough(remote, 'hello');
    stdin.write('ls\r');
    remote.stdout.write('file');
    stdout.resizeTo(30, 9);
    await turn();
    expect(remote.stdin.read()?.toString()).toBe('ls\r');
    expect(stdout.taken.join('')).toMatch(/hello\r\nfile$/);
    expect(sizes).toEqual(['20x5', '30x9']);
    settle.end(3);
    remote.stdout.end('the last words');
    expect(await end).toEqual({ how: 'ended', exitCode: 3 });
    stdin.write('j');
    await turn();
    expect(stdout.taken.join('')).toContain('the last words');
    expect([entered(), keys]).toEqual([2, ['j']]);
  });

  it('takes no more from a remote program than a slow terminal takes', async () => {
    const { session, stdout } = open();
    const { remote, settle } = aRemote();
    const end = session.passThrough(remote);
    await turn();
    stdout.hold();
    for (let i = 0; i < 5; i++) remote.stdout.write('x'.repeat(10_000));
    await turn();
    expect(stdout.writableLength).toBeLessThan(11_000);
    stdout.go();
    await turn();
    settle.end(0);
    remote.stdout.end();
    await end;
    await turn();
    expect(stdout.taken.join('').match(/x/g)?.length).toBe(50_000);
  });

  it('comes back when the connection breaks, and says so', async () => {
    const { session, entered } = open();
    const { remote, settle } = aRemote();
    const end = session.passThrough(remote);
    settle.fail(new Error('the line is cut'));
    await expect(end).rejects.toThrow('the line is cut');
    await turn();
    expect(entered()).toBe(2);
  });

  it('ends the connection when it is closed in between', async () => {
    const { session, listeners, stdin, entered } = open();
    const end = session.passThrough(aRemote().remote);
    listeners.signal();
    expect(await end).toEqual({ how: 'closed' });
    await turn();
    expect([entered(), stdin.raw]).toEqual([1, [true, false]]);
  });
});
