import fc from 'fast-check';
import { expect, it } from 'vitest';
import { startSketch } from '../../src/sketch/small-sketch.ts';
import { createSketchTotals, TensorSketch } from '../../src/sketch/tensor-sketch.ts';
import { createRandom } from '../bench/small-net.ts';

const axes = fc.array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 8, 32), fc.nat()), { maxLength: 4 });

/** The axes in an order that the ranks say. */
function storedOrder(sizes: readonly (readonly [number, number])[]): number[] {
  return [...sizes.keys()].sort((a, b) => (sizes[a]?.[1] ?? 0) - (sizes[b]?.[1] ?? 0) || a - b);
}

it('gives the sums of the sketch of any tensor, to the last bit, one after the other and in pieces', () => {
  fc.assert(
    fc.property(
      fc.array(axes, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 1 << 20 }),
      (shapes, seed) => {
        const { normal } = createRandom(seed);
        const [small, any] = [createSketchTotals(), createSketchTotals()];
        for (const sizes of shapes) {
          const shape = sizes.map(([size]): number => size);
          const count = shape.reduce((product, n) => product * n, 1);
          const values = Float32Array.from({ length: count }, (_, i) => (i % 97 === 3 ? Number.NaN : 0.1 + normal()));
          const pieces = seed % 2 === 0 ? [values] : [values.subarray(0, 5), values.subarray(5)];
          for (const [totals, sketch] of [
            [small, startSketch(shape, storedOrder(sizes))],
            [any, new TensorSketch(shape, storedOrder(sizes))],
          ] as const) {
            for (const piece of pieces) sketch.add(piece);
            sketch.finish(totals);
          }
        }
        expect(small).toEqual(any);
      },
    ),
    { numRuns: 200 },
  );
});
