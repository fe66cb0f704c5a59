import { vi } from 'vitest';

/** Every warning Node.js would print while `work` runs; none of them is. */
export async function warningsDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  try {
    await work();
    return emit.mock.calls.map(([warning]) => String(warning));
  } finally {
    emit.mockRestore();
  }
}
