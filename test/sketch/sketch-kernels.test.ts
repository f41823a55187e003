import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { createSketchTotals, TensorSketch } from '../../src/sketch/tensor-sketch.ts';
import { createRandom } from '../bench/small-net.ts';

afterEach(() => allowWasm(true));

/** Sketches a tensor that comes in pieces. */
function sketch(shape: readonly number[], stored: readonly number[], values: Float32Array, piece: number) {
  const totals = createSketchTotals();
  const tensor = new TensorSketch(shape, stored);
  for (let at = 0; at < values.length; at += piece) tensor.add(values.subarray(at, at + piece));
  tensor.finish(totals);
  return totals;
}

function both(shape: readonly number[], stored: readonly number[], seed: number, piece: number): void {
  const { normal } = createRandom(seed);
  const count = shape.reduce((product, n) => product * n, 1);
  const values = Float32Array.from({ length: count }, (_, i) => (i % 977 === 0 ? Number.NaN : 0.1 + normal()));
  allowWasm(false);
  const plain = sketch(shape, stored, values, piece);
  allowWasm(true);
  expect(sketch(shape, stored, values, piece)).toEqual(plain);
}

describe('sketches as WebAssembly', () => {
  it.each([
    { shape: [70, 90], stored: [0, 1] },
    { shape: [70, 90], stored: [1, 0] },
    { shape: [64, 32, 3, 3], stored: [0, 1, 2, 3] },
    { shape: [64, 32, 3, 3], stored: [2, 3, 1, 0] },
    { shape: [9, 40, 3, 5], stored: [0, 2, 3, 1] },
    { shape: [1, 5000], stored: [0, 1] },
    { shape: [8192], stored: [0] },
  ])('are the same to the last bit: $shape, stored as $stored', ({ shape, stored }) => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1 << 20 }), fc.constantFrom(1000, 2048, 5003, 1 << 20), (seed, piece) => {
        both(shape, stored, seed, piece);
      }),
      { numRuns: 4 },
    );
  });

  it('are the same whatever the axes and their order', () => {
    const axes = fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 7, 16, 50), fc.nat()), { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(axes, fc.nat(1 << 20), (sizes, seed) => {
        const shape = [1 + Math.ceil(4096 / sizes.reduce((product, [n]) => product * n, 1)), ...sizes.map(([n]) => n)];
        const key = [seed, ...sizes.map(([, rank]) => rank)];
        const stored = [...shape.keys()].sort((a, b) => (key[a] ?? 0) - (key[b] ?? 0));
        if (shape.reduce((product, n) => product * n, 1) <= 1 << 18) both(shape, stored, seed, 2500);
      }),
      { numRuns: 40 },
    );
  });

  it('are the same for a large tensor, and for the second of two at once', () => {
    both([600, 2000], [0, 1], 3, 524_288);
    const first = new TensorSketch([64, 100], [0, 1]);
    both([64, 100], [0, 1], 5, 4096);
    first.finish(createSketchTotals());
    both([64, 100], [0, 1], 6, 4096);
  });
});
