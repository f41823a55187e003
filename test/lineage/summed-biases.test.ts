import { expect, it } from 'vitest';
import { sumBiases } from '../../src/lineage/summed-biases.ts';
import * as alter from './alter.ts';

function draw(seed: number) {
  const gaussian = alter.createGaussian(seed);
  return { shape: [24], data: Float32Array.from({ length: 24 }, gaussian) };
}

it('finds the sum of two biases, and no sum of others', () => {
  const [input, hidden, stranger] = [draw(1), draw(2), draw(3)];
  const sum = { shape: [24], data: input.data.map((x, i) => x + (hidden.data[i] ?? 0)) };
  const candidate = new Map([['bias', input]]);
  expect(sumBiases(new Map([['bias', sum]]), candidate, [stranger, hidden])?.get('bias')?.data).toEqual(sum.data);
  expect(sumBiases(new Map([['bias', sum]]), candidate, [stranger])).toBeUndefined();
  expect(sumBiases(new Map([['bias', input]]), candidate, [hidden])).toBeUndefined();
});
