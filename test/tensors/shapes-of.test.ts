import { expect, it } from 'vitest';
import { shapesOf } from '../../src/tensors/shapes-of.ts';

it('says the shapes', () => {
  const shapes = shapesOf(
    new Map([
      ['b', { shape: [2, 3], data: new Float32Array(6) }],
      ['a', { shape: [], data: new Float32Array(1) }],
    ]),
  );
  expect([shapes.size, shapes.get('b'), shapes.get('a'), shapes.get('c')]).toEqual([2, [2, 3], [], undefined]);
});
