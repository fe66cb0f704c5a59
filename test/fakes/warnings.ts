import { vi } from 'vitest';

/** The warnings of Node.js while `work` runs; they are not printed. */
export async function warningsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    await work();
    return emit.mock.calls.map(([warning]) => String(warning));
  } finally {
    emit.mockRestore();
  }
}
