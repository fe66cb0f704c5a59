import { open } from 'node:fs/promises';
import { type EndedStages, reduceStages, type StageFeed, type StageLog, startOfLog } from '../view/stages.ts';

/** Often enough to look alive; a look at a file that did not grow costs some microseconds. */
const lookEveryMs = 200;

/** Stages as they are written into a file by scripts/progress.mjs (environment variable DROVER_PROGRESS_FILE). */
export interface StageFileFeed extends StageFeed {
  readonly close: () => void;
}

/** Reads the file as it grows, from its beginning; it may come later. Never throws: what cannot be read is not shown. */
export function createStageFeed(path: string): StageFileFeed {
  let log: StageLog = startOfLog;
  let offset = 0;
  let tellEnd = (_end: EndedStages): void => {};
  const ended = new Promise<EndedStages>((resolve) => {
    tellEnd = resolve;
  });
  const listeners = new Set<() => void>();

  const look = async (): Promise<void> => {
    const grown = await readFrom(path, offset);
    offset += grown.bytes;
    if (grown.text === '') return;
    log = grown.text.split('\n').reduce(reduceStages, log);
    for (const listener of [...listeners]) listener();
    if (log.end !== undefined) {
      clearInterval(timer);
      tellEnd(log.end);
    }
  };

  let isLooking = false;
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    void look()
      .catch(() => undefined)
      .finally(() => {
        isLooking = false;
      });
  }, lookEveryMs);
  timer.unref();
  return {
    getSnapshot: () => log.stages,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    ended,
    close: () => clearInterval(timer),
  };
}

/** Whole lines only: a write may be seen half done, and a character of it as well. */
async function readFrom(path: string, offset: number): Promise<{ readonly bytes: number; readonly text: string }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size <= offset) return { bytes: 0, text: '' };
    const buffer = Buffer.alloc(size - offset);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset);
    const whole = buffer.subarray(0, bytesRead);
    const end = whole.lastIndexOf(0x0a) + 1;
    return { bytes: end, text: whole.toString('utf8', 0, end) };
  } finally {
    await file.close();
  }
}
