import { describe, expect, it } from 'vitest';
import { fitted, goTo, isDone, isOver, nextOf, previousOf, startOf, tick } from '../../../src/tutorial/progress.ts';
import { aTutorial } from './a-tutorial.ts';

const tutorial = aTutorial();
const start = startOf(tutorial);

describe('the progress of a reader', () => {
  it('goes on by itself within a part, and waits at its end', () => {
    const first = tick(tutorial, start);
    expect(first).toEqual({ version: 1, done: ['1.1'], at: '1.2' });
    const second = tick(tutorial, first);
    expect(second).toEqual({ version: 1, done: ['1.1', '1.2'], at: '1.2' });
    expect([isDone(second), isOver(tutorial, second)]).toEqual([true, false]);
    const last = tick(tutorial, goTo(tutorial, second, '2.1'));
    expect([last.done, isOver(tutorial, last)]).toEqual([['1.1', '1.2', '2.1'], true]);
    expect(tick(tutorial, last)).toEqual(last);
  });

  it('has what follows to do again after going back, and keeps what was before', () => {
    const all = { version: 1, done: ['1.1', '1.2', '2.1'], at: '2.1' } as const;
    expect(goTo(tutorial, all, '1.2')).toEqual({ version: 1, done: ['1.1'], at: '1.2' });
    expect(goTo(tutorial, start, '2.1')).toEqual({ version: 1, done: [], at: '2.1' });
    expect([nextOf(tutorial, '1.2')?.id, nextOf(tutorial, '2.1'), previousOf(tutorial, '1.1')]).toEqual([
      '2.1',
      undefined,
      undefined,
    ]);
  });

  it.each([[undefined], [null], ['x'], [{}], [{ done: 'all', at: '1.1' }], [{ done: [], at: '9.9' }]])(
    'starts again where the stored progress is %j',
    (kept) => {
      expect(fitted(kept, tutorial)).toEqual(start);
    },
  );

  it('forgets steps the page does not have any more', () => {
    expect(fitted({ version: 1, done: ['1.1', '7.7'], at: '1.2' }, tutorial)).toEqual({
      version: 1,
      done: ['1.1'],
      at: '1.2',
    });
  });
});
