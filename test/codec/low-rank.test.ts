import { describe, expect, it } from 'vitest';
import { castBlock } from '../../src/codec/casts.ts';
import { type BlockContext, decodeBlock, encodeBlock } from '../../src/codec/index.ts';
import { createRandom } from '../bench/small-net.ts';

const ROWS = 120;
const ROW_LENGTH = 96;

/** A matrix and the same with a product of thin matrices of that rank added; rank 0 adds noise of the same size. */
function makePair(rank: number): { base: Float32Array; next: Float32Array } {
  const { normal } = createRandom(rank + 1);
  const base = Float32Array.from({ length: ROWS * ROW_LENGTH }, () => normal() * 0.05);
  const left = Float64Array.from({ length: ROWS * rank }, () => normal() * 0.02);
  const right = Float64Array.from({ length: ROW_LENGTH * rank }, () => normal() * 0.1);
  const next = base.map((w, i) => {
    const [row, column] = [Math.floor(i / ROW_LENGTH), i % ROW_LENGTH];
    let sum = rank === 0 ? normal() * 0.002 : 0;
    for (let r = 0; r < rank; r++) sum += (left[row * rank + r] ?? 0) * (right[column * rank + r] ?? 0);
    return w + sum;
  });
  return { base, next };
}

function ratioOf(plain: Uint8Array, context: BlockContext): number {
  const block = encodeBlock(plain, context);
  expect(Buffer.compare(decodeBlock(block, plain.length, context), plain)).toBe(0);
  return block.payload.length / plain.length;
}

const bytesOf = (values: Float32Array) => new Uint8Array(values.slice().buffer);

describe('a merged update of low rank', () => {
  it.each([1, 4, 8])('of rank %i costs little more than its factors', (rank) => {
    const { base, next } = makePair(rank);
    const factors = (rank * (ROWS + ROW_LENGTH)) / (ROWS * ROW_LENGTH);
    const context: BlockContext = { type: 'f32', base: bytesOf(base), rowLength: ROW_LENGTH };
    // Besides the factors, the rounding of the sum is told: a bit or so of 32 a weight, and the tables.
    expect(ratioOf(bytesOf(next), context)).toBeLessThan(factors + 0.06);
  });

  it('is found in a block that begins and ends inside a row', () => {
    const { base, next } = makePair(2);
    const [from, to] = [ROW_LENGTH + 40, ROWS * ROW_LENGTH - 17];
    const context: BlockContext = {
      type: 'f32',
      base: bytesOf(base.subarray(from, to)),
      rowLength: ROW_LENGTH,
      rowOffset: 40,
    };
    expect(ratioOf(bytesOf(next.subarray(from, to)), context)).toBeLessThan(0.12);
  });

  it('is found in bf16', () => {
    const { base, next } = makePair(2);
    const [a, b] = [base, next].map((values) => castBlock(bytesOf(values), 'f32', 'bf16', 'nearest'));
    const context: BlockContext = { type: 'bf16', base: a ?? new Uint8Array(0) };
    const plain = b ?? new Uint8Array(0);
    expect(ratioOf(plain, { ...context, rowLength: ROW_LENGTH })).toBeLessThan(0.75 * ratioOf(plain, context));
  });

  it('is not seen where there is none', () => {
    const { base, next } = makePair(0);
    const context: BlockContext = { type: 'f32', base: bytesOf(base) };
    expect(ratioOf(bytesOf(next), { ...context, rowLength: ROW_LENGTH })).toBe(ratioOf(bytesOf(next), context));
  });
});
