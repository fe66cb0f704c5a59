import { describe, expect, it } from 'vitest';
import type { Cluster, LockHandle } from '../../../../src/engine/node-client.ts';
import { createRunLocks } from '../../../../src/engine/run/locks.ts';
import { AppError } from '../../../../src/model/errors.ts';

/** Nodes whose locks are granted or refused by the test, in the order it likes. */
function nodes() {
  const asked: string[] = [];
  const released: string[] = [];
  const answers = new Map<string, { grant(): void; refuse(): void }>();
  const handle = (node: string): LockHandle => ({
    lost: new AbortController().signal,
    release: async () => {
      released.push(node);
    },
  });
  const node = async (name: string) => ({
    mutex: {
      acquire: () =>
        new Promise<LockHandle>((resolve, reject) => {
          asked.push(name);
          answers.set(name, {
            grant: () => resolve(handle(name)),
            refuse: () => reject(new AppError('lock-held', `cannot lock node "${name}"`)),
          });
        }),
    },
  });
  const cluster = { node } as unknown as Cluster;
  return { cluster, asked, released, answer: (name: string) => answers.get(name) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const { signal } = new AbortController();

describe('the locks of a run', () => {
  it('are taken the first by name alone, then all others at once', async () => {
    const { cluster, asked, answer } = nodes();
    const taking = createRunLocks(cluster, 'me').take(['c', 'a', 'd', 'b', 'a'], signal);
    await settled();
    expect(asked).toEqual(['a']);
    answer('a')?.grant();
    await settled();
    expect(asked).toEqual(['a', 'b', 'c', 'd']);
    for (const name of ['d', 'c', 'b']) answer(name)?.grant();
    expect(await taking).toBe(true);
  });

  it('are all given back where one is refused, also those that were granted after it', async () => {
    const { cluster, released, answer } = nodes();
    const locks = createRunLocks(cluster, 'me');
    const taking = locks.take(['a', 'b', 'c'], signal);
    const outcome = expect(taking).rejects.toMatchObject({ code: 'lock-held', message: 'cannot lock node "b"' });
    await settled();
    answer('a')?.grant();
    await settled();
    answer('b')?.refuse();
    await settled();
    answer('c')?.grant();
    await outcome;
    await locks.release();
    expect(released.toSorted()).toEqual(['a', 'c']);
  });

  it('are not asked for twice', async () => {
    const { cluster, asked, answer } = nodes();
    const locks = createRunLocks(cluster, 'me');
    const taking = locks.take(['a'], signal);
    await settled();
    answer('a')?.grant();
    await taking;
    expect(await locks.take(['a'], signal)).toBe(false);
    expect(asked).toEqual(['a']);
  });
});
