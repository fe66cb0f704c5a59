import { expect, it } from 'vitest';
import type { OpenSession } from '../../../../src/node/command.ts';
import { type PreparedExecutor, withPrepared } from '../../../../src/node/ssh/prepared.ts';

it('two switches that are prepared at once leave sessions for the commands between', async () => {
  let open = 0;
  const session = (): OpenSession => ({ isWaiting: () => true, close: () => undefined }) as unknown as OpenSession;
  const executor = {
    open: async () => {
      open += 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return session();
    },
  };
  const prepared = withPrepared(executor as unknown as Parameters<typeof withPrepared>[0]);
  const prepare = (name: string): ReturnType<PreparedExecutor['prepare']> =>
    prepared.prepare(
      [1, 2, 3, 4].map((n) => `${name} ${n}`),
      new AbortController().signal,
    );
  await Promise.all([prepare('one'), prepare('two')]);
  expect(open).toBe(5);
});
