import { appendFile, chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { MoveHistory } from '../engine/types.ts';
import type { MoveReceipt } from '../model/events.ts';
import { plainJson, plainLines } from '../model/plain-text.ts';

/** Forecasts look at the newest moves only. */
const RECEIPTS_READ = 500;

/** Receipts of finished moves, one JSON object a line, in the folder for state. */
export function createHistory(folder: string): MoveHistory {
  const file = join(folder, 'history.jsonl');
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '');
      return text
        .split('\n')
        .slice(-RECEIPTS_READ - 1)
        .flatMap(parseReceipt);
    },
    async append(receipt) {
      await privateFolder(folder);
      await appendFile(file, `${plainJson(receipt)}\n`, { mode: 0o600 });
    },
  };
}

/** A line that a power cut left half written is no reason to fail. */
function parseReceipt(text: string): MoveReceipt[] {
  try {
    // We wrote it; a line that parses is whole.
    return [JSON.parse(text) as MoveReceipt];
  } catch {
    return [];
  }
}

/** Keeps the stack of a bug; returns the file. */
export async function logBug(folder: string, version: string, at: Date, error: unknown): Promise<string> {
  const file = join(folder, 'drover.log');
  await privateFolder(folder);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  await appendFile(file, `${at.toISOString()} drover ${version}\n${plainLines(text)}\n\n`, { mode: 0o600 });
  return file;
}

async function privateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
}

/**
 * Atomic: readers see the old text or the new one, also after a power cut. The old file's mode and owner's rights stay; a new one
 * is readable by everybody.
 */
export async function replaceText(path: string, text: string, mark: string): Promise<void> {
  const { mode } = await stat(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { mode: 0o644 };
    throw error;
  });
  const fresh = join(dirname(path), `.drover-${mark}.tmp`);
  try {
    const file = await open(fresh, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await chmod(fresh, mode & 0o7777);
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true });
    throw error;
  }
}
