import { expect, it } from 'vitest';
import { defined } from '../../../src/model/defined.ts';

it('leaves undefined values out and keeps the order of the others', () => {
  const one: number | undefined = undefined;
  const values = defined({ z: 1, one, a: null, no: false });
  expect(Object.entries(values)).toEqual([
    ['z', 1],
    ['a', null],
    ['no', false],
  ]);
});
