import { watch as watchPaths } from 'chokidar';

const debounceMs = 250;
const settleMs = 150;

/**
 * Calls back after every settled save of any of the files until aborted. Editors save in several ways (in place, or
 * by renaming a new file over the old one) and in several steps; one save is one call.
 */
export async function watchFiles(paths: readonly string[], changed: () => void, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const watcher = watchPaths([...paths], {
    ignoreInitial: true,
    // `atomic` turns an unlink followed by an add (rename over) into one change.
    atomic: true,
    awaitWriteFinish: { stabilityThreshold: settleMs, pollInterval: 30 },
  });
  let timer: NodeJS.Timeout | undefined;
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(changed, debounceMs);
  });
  await new Promise<void>((resolve, reject) => {
    watcher.once('error', reject);
    signal.addEventListener('abort', () => resolve(), { once: true });
  }).finally(async () => {
    clearTimeout(timer);
    await watcher.close();
  });
}
