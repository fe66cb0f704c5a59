/** `files`: they were saved. `drift`: something on a node may have changed. `retry`: a person says so. */
export type Mark = 'files' | 'drift' | 'retry';

/** Marks that gather until somebody takes them. */
export function createMarks(over: AbortSignal) {
  let kinds = new Set<Mark>();
  let wake = () => {};
  over.addEventListener('abort', () => wake(), { once: true });
  return {
    add: (kind: Mark): void => {
      kinds.add(kind);
      wake();
    },
    take: async (): Promise<ReadonlySet<Mark>> => {
      if (kinds.size === 0 && !over.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const taken = kinds;
      kinds = new Set();
      return taken;
    },
  };
}
