import { randomUUID } from 'node:crypto';
import { appendFile, chmod, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DataPlaces, MoveHistory } from '../engine/types.ts';
import { readTail, readTextBounded } from '../files/read-bounded.ts';
import type { DataPlace } from '../model/cluster.ts';
import { AppError, isCode } from '../model/errors.ts';
import type { MoveReceipt } from '../model/events.ts';
import { stateFileBytes } from '../model/limits.ts';
import { plainJson, plainLines } from '../model/plain-text.ts';

/** Forecasts look at the newest moves only. */
const RECEIPTS_READ = 500;

/** Receipts of finished moves, one JSON object a line, in the folder for state. */
export function createHistory(folder: string): MoveHistory {
  const file = join(folder, 'history.jsonl');
  return {
    async read() {
      const { text } = await readTail(file, stateFileBytes).catch(() => ({ text: '' }));
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

/** The engine's part, and what `drover node remove` needs. */
export interface PlacesFile extends DataPlaces {
  /** Forgets what was seen on a node with one of these names or addresses. */
  forget(words: readonly string[]): Promise<void>;
}

/**
 * Where volumes were last seen, in the folder for state, for each application file by its full path: the deployment may
 * be another file each time, and a node that the next one leaves out is what this is for.
 */
export function createPlaces(folder: string, applicationFile: string): PlacesFile {
  const file = join(folder, 'places.json');
  const readAll = async (): Promise<Record<string, readonly DataPlace[]>> => {
    const text = await readTextBounded(file, stateFileBytes).catch(() => '{}');
    try {
      // We wrote it, and it is replaced as a whole.
      return JSON.parse(text) as Record<string, readonly DataPlace[]>;
    } catch {
      return {};
    }
  };
  const keep = async (places: readonly DataPlace[]): Promise<void> => {
    await privateFolder(folder);
    const all = { ...(await readAll()), [applicationFile]: places };
    await replaceText(file, `${JSON.stringify(all)}\n`, 0o600);
  };
  const read = async () => (await readAll())[applicationFile] ?? [];
  return {
    read,
    keep,
    async forget(words) {
      await keep((await read()).filter(({ node, address }) => !words.includes(node) && !words.includes(address)));
    },
  };
}

/** Skips a line that a power cut left incomplete. */
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
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  // An earlier version, or another program, may have made it open to all.
  if (made === undefined) await chmod(folder, 0o700).catch(() => undefined);
}

/**
 * Atomic: readers see the old text or the new one, also after a power cut. The old file's mode and owner's rights stay; a new one
 * is readable by everybody, or has `newMode`.
 */
export async function replaceText(path: string, text: string, newMode = 0o644): Promise<void> {
  const { mode } = await stat(path).catch((error: unknown) => {
    if (isCode(error, 'ENOENT')) return { mode: newMode };
    throw error;
  });
  const fresh = join(dirname(path), `.drover-${randomUUID()}.tmp`);
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

/** Creates a file, `isPrivate` for its owner alone. Throws `usage` if the file exists: it is never overwritten. */
export async function createText(path: string, text: string, isPrivate = false): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx', mode: isPrivate ? 0o600 : 0o644 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    throw new AppError('usage', `cannot create "${path}": the file exists`);
  }
}
