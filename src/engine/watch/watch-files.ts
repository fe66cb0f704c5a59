import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { watch as watchPaths } from 'chokidar';

/** All in milliseconds. */
export interface WatchTimes {
  /** How often the files are looked at when no event arrives. */
  readonly pollMs: number;
  /** A save is over when nothing has changed for this long… */
  readonly settleMs: number;
  /** …and for this long while a file is absent or empty, which is how most replacements begin. */
  readonly absentMs: number;
}

const usualTimes: WatchTimes = { pollMs: 2_000, settleMs: 250, absentMs: 1_000 };

export interface WatchOptions extends Partial<WatchTimes> {
  /** Further files, which need not exist: another list after each reading of the files. */
  readonly more?: () => readonly string[];
}
const stepMs = 50;

/**
 * Calls back when it begins to watch, and after each settled save of any of the files, until aborted. What counts is
 * what stands behind each name, whatever way it got there: written in place, renamed over, removed and created again,
 * through symbolic links that now lead elsewhere, or in a folder that was swapped.
 *
 * Events only report when to look. They come from the folders of the files, because an event source on a file ends
 * with that file. A slow poll finds what no event reports.
 */
export async function watchFiles(
  paths: readonly string[],
  changed: () => void,
  signal: AbortSignal,
  options: WatchOptions = {},
): Promise<void> {
  if (signal.aborted) return;
  const { more = () => [], ...given } = options;
  const times = { ...usualTimes, ...given };
  const look = (before?: Look): Promise<Look> => lookAt(paths, more(), before);
  const bell = createBell();
  signal.addEventListener('abort', bell.ring, { once: true });
  let known = await look();
  let close = watchFolders(known, bell.ring);
  // The caller may have read the files before this moment.
  let isDue = true;
  try {
    while (!signal.aborted) {
      const hasRung = isDue || (await bell.wait(times.pollMs));
      isDue = false;
      if (!hasRung && (await look()).key === known.key) continue;
      const next = await settle(() => look(known), bell, times, signal);
      if (signal.aborted) return;
      if (next.places !== known.places) {
        await close();
        close = watchFolders(next, bell.ring);
      }
      known = next;
      changed();
    }
  } finally {
    signal.removeEventListener('abort', bell.ring);
    await close();
  }
}

/** What stands behind the names now. */
interface Look {
  /** Another one after every save. */
  readonly key: string;
  /** Each file exists and has content; of the further ones those that had some before. */
  readonly isWhole: boolean;
  /** The further files that have content. */
  readonly filled: ReadonlySet<string>;
  /** The folders of the names, and of the files that links lead to. */
  readonly folders: ReadonlySet<string>;
  /** How the files are called there. */
  readonly names: ReadonlySet<string>;
  /** Another one where folders or names are, also where a folder was swapped for another of the same name. */
  readonly places: string;
}

async function lookAt(paths: readonly string[], more: readonly string[], before: Look | undefined): Promise<Look> {
  const named = [...paths, ...more].map((path) => resolve(path));
  const real = await Promise.all(named.map((path) => realpath(path).catch(() => path)));
  const all = [...named, ...real];
  const files = await Promise.all(real.map(identify));
  const seen = await Promise.all([...new Set(all.map((path) => dirname(path)))].map(identify));
  const folders = seen.filter(({ exists }) => exists);
  const names = new Set(all.map((path) => basename(path)));
  const filled = new Set(named.slice(paths.length).filter((_, index) => (files[paths.length + index]?.size ?? 0n) > 0));
  const isFilled = [...(before?.filled ?? [])].every((path) => filled.has(path) || !named.includes(path));
  return {
    key: files.map(({ path, version }) => `${path} ${version}`).join('\n'),
    isWhole: files.slice(0, paths.length).every(({ size }) => size > 0) && isFilled,
    filled,
    folders: new Set(folders.map(({ path }) => path)),
    names,
    places: [...names, ...folders.map(({ path, place }) => `${path} ${place}`)].join('\n'),
  };
}

async function identify(path: string) {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    const place = `${dev} ${ino}`;
    return { path, exists: true, size, place, version: `${place} ${size} ${mtimeNs} ${ctimeNs}` };
  } catch {
    return { path, exists: false, size: 0n, place: '', version: 'absent' };
  }
}

/** Waits until nothing has changed for a while. */
async function settle(
  lookAgain: () => Promise<Look>,
  bell: Bell,
  { settleMs, absentMs }: WatchTimes,
  signal: AbortSignal,
): Promise<Look> {
  let look = await lookAgain();
  let quietMs = 0;
  while (!signal.aborted && quietMs < (look.isWhole ? settleMs : absentMs)) {
    const hasRung = await bell.wait(stepMs);
    // Several events report one change.
    if (hasRung) await pause(stepMs);
    const next = await lookAgain();
    quietMs = hasRung || next.key !== look.key ? 0 : quietMs + stepMs;
    look = next;
  }
  return look;
}

/** Rings for events about the names in these folders; returns what ends that. */
function watchFolders({ folders, names }: Look, ring: () => void): () => Promise<void> {
  const watcher = watchPaths([...folders], {
    depth: 0,
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => !folders.has(path) && !names.has(basename(path)),
  });
  // The watcher follows files that it has found, and loses one that is removed and created at once. The events of the
  // folder itself come as they are.
  watcher.on('raw', (_kind, path) => {
    if (typeof path !== 'string' || names.has(basename(path))) ring();
  });
  watcher.on('all', ring);
  // Where events cannot be had, as when the system gives no more of them, the poll is left.
  watcher.on('error', () => undefined);
  return () => watcher.close();
}

type Bell = ReturnType<typeof createBell>;

/** Remembers that it was rung until it is waited for. */
function createBell() {
  let isRung = false;
  let wake = (): void => undefined;
  return {
    ring: (): void => {
      isRung = true;
      wake();
    },
    /** True where it was rung before the time was over. */
    wait: async (ms: number): Promise<boolean> => {
      if (!isRung) {
        await new Promise<void>((done) => {
          const timer = setTimeout(done, ms);
          wake = () => {
            clearTimeout(timer);
            done();
          };
        });
      }
      const hasRung = isRung;
      isRung = false;
      return hasRung;
    },
  };
}
