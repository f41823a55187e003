import { expect, it } from 'vitest';
import { shapesOf } from '../../src/tensors/shapes-of.ts';

it('is the table of the shapes', () => {
  const weights = new Map([
    ['b', { shape: [2, 3], data: new Float32Array(6) }],
    ['a', { shape: [], data: new Float32Array(1) }],
  ]);
  const shapes = shapesOf(weights);
  const table = new Map([...weights].map(([name, { shape }]) => [name, shape]));
  expect([...shapes]).toEqual([...table]);
  expect([...shapes.entries()]).toEqual([...table]);
  expect([...shapes.keys()]).toEqual(['b', 'a']);
  expect([...shapes.values()]).toEqual([[2, 3], []]);
  expect([shapes.size, shapes.get('b'), shapes.get('c'), shapes.has('a'), shapes.has('c')]).toEqual([
    2,
    [2, 3],
    undefined,
    true,
    false,
  ]);
  const seen: unknown[] = [];
  shapes.forEach((shape, name) => {
    seen.push([name, shape]);
  });
  expect(seen).toEqual([...table]);
});
