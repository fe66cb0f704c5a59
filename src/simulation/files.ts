import { loadConfig } from '../config/load.ts';
import type { LoadResult } from '../model/config.ts';
import { AppError } from '../model/errors.ts';

/** The names of a simulation's files. */
export const fileNames = {
  application: 'application.yml',
  deployment: 'deployment.yml',
  inventory: 'drover.yml',
} as const;

/** The files of a simulation, in memory. */
export interface MemoryFiles {
  /** Throws `usage` where there is no such file. */
  readonly read: (name: string) => string;
  readonly write: (name: string, text: string) => void;
  readonly load: () => LoadResult;
  /** Calls back after every change until aborted. */
  readonly watch: (changed: () => void, signal: AbortSignal) => Promise<void>;
}

export function createMemoryFiles(given: Readonly<Record<keyof typeof fileNames, string>>): MemoryFiles {
  const texts = new Map<string, string>([
    [fileNames.application, given.application],
    [fileNames.deployment, given.deployment],
    [fileNames.inventory, given.inventory],
  ]);
  const watchers = new Set<() => void>();
  const sourceOf = (path: string) => ({ path, text: texts.get(path) });
  return {
    read: (name) => {
      const text = texts.get(name);
      if (text === undefined) throw new AppError('usage', `cannot read "${name}": the simulation has no such file`);
      return text;
    },
    write: (name, text) => {
      if (texts.get(name) === text) return;
      texts.set(name, text);
      for (const changed of [...watchers]) changed();
    },
    load: () =>
      loadConfig({
        application: sourceOf(fileNames.application),
        deployment: sourceOf(fileNames.deployment),
        drover: [sourceOf(fileNames.inventory)],
      }),
    watch: (changed, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        watchers.add(changed);
        const end = (): void => {
          watchers.delete(changed);
          resolve();
        };
        signal.addEventListener('abort', end, { once: true });
      }),
  };
}
