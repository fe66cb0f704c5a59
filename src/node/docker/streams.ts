import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as pause } from 'node:timers/promises';
import type { LogLine } from '../../engine/node-client.ts';
import { lineCharacters } from '../../model/limits.ts';
import { parseJson } from '../json.ts';

const headerBytes = 8;

/** Splits chunks into lines. The rest at the end is a line, and so is each part of a line longer than `longest`. */
export function createLineReader(longest = lineCharacters): { push(chunk: Buffer): string[]; end(): string[] } {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return {
    push(chunk) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > longest) {
        lines.push(rest);
        rest = '';
      }
      return lines.map((line) => line.replace(/\r$/, ''));
    },
    end() {
      const last = rest + decoder.end();
      rest = '';
      return last === '' ? [] : [last.replace(/\r$/, '')];
    },
  };
}

/** The lines of a container's log. Without a terminal, each frame has a header: stream, 3 zeros, length (Docker API, attach). */
export async function* readLogLines(body: Readable, hasTerminal: boolean): AsyncGenerator<LogLine> {
  const readers = { stdout: createLineReader(), stderr: createLineReader() };
  if (hasTerminal) {
    for await (const chunk of body) yield* asLines('stdout', readers.stdout.push(chunk));
  } else {
    for await (const { stream, data } of frames(body)) yield* asLines(stream, readers[stream].push(data));
  }
  yield* asLines('stdout', readers.stdout.end());
  yield* asLines('stderr', readers.stderr.end());
}

function asLines(stream: LogLine['stream'], lines: readonly string[]): LogLine[] {
  return lines.map((text) => ({ stream, text }));
}

/** The data of frames (stream, 3 zeros, length) as it comes, without waiting for the end of a long frame. */
export async function* frames(body: Readable): AsyncGenerator<{ stream: LogLine['stream']; data: Buffer }> {
  let buffer: Buffer = Buffer.alloc(0);
  let stream: LogLine['stream'] = 'stdout';
  let left = 0;
  for await (const chunk of body) {
    buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
    while (buffer.length > 0) {
      if (left === 0) {
        if (buffer.length < headerBytes) break;
        stream = buffer[0] === 2 ? 'stderr' : 'stdout';
        left = buffer.readUInt32BE(4);
        buffer = buffer.subarray(headerBytes);
        continue;
      }
      const data = buffer.subarray(0, left);
      buffer = buffer.subarray(data.length);
      left -= data.length;
      yield { stream, data };
    }
  }
}

/** JSON values, one a line, as Docker sends progress and events. Other lines are left out. */
export async function* readJsonLines(body: Readable): AsyncGenerator<unknown> {
  const reader = createLineReader();
  for await (const chunk of body) yield* reader.push(chunk).map(parseJson).filter(isPresent);
  yield* reader.end().map(parseJson).filter(isPresent);
}

function isPresent(value: unknown): boolean {
  return value !== undefined;
}

/** The same values, at most `perSecond`: the rest waits in the stream, which slows its sender down. */
export async function* atPace<T>(values: AsyncIterable<T>, perSecond: number, signal: AbortSignal): AsyncGenerator<T> {
  let since = performance.now();
  let count = 0;
  for await (const value of values) {
    const passedMs = performance.now() - since;
    if (passedMs >= 1_000) [since, count] = [performance.now(), 0];
    else if (count >= perSecond) {
      await pause(1_000 - passedMs, undefined, { signal });
      [since, count] = [performance.now(), 0];
    }
    count += 1;
    yield value;
  }
}
