import { describe, expect, it } from 'vitest';
import type { Archive, Member } from '../../src/lineage/model.ts';
import { varianceOfPermuted } from '../../src/lineage/permuted-cosine.ts';
import { estimateCosineNull } from '../../src/lineage/unrelated-cosine.ts';
import { finishSketch } from '../../src/sketch/count-sketch.ts';
import { SKETCH_LENGTH } from '../../src/sketch/summary.ts';
import { createSketchTotals, TensorSketch } from '../../src/sketch/tensor-sketch.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createRandom } from '../bench/small-net.ts';

/** Two matrices; `rank` of shared directions makes their rows alike, as training does. */
function drawWeights(seed: number, rank: number): Weights {
  const { normal } = createRandom(seed);
  const matrix = (rows: number, columns: number) => {
    const left = Float64Array.from({ length: rows * rank }, normal);
    const right = Float64Array.from({ length: columns * rank }, normal);
    const data = Float32Array.from({ length: rows * columns }, (_, i) => {
      let sum = normal();
      for (let r = 0; r < rank; r++)
        sum += 2 * (left[Math.floor(i / columns) * rank + r] ?? 0) * (right[(i % columns) * rank + r] ?? 0);
      return sum;
    });
    return { shape: [rows, columns], data };
  };
  return new Map([
    ['a', matrix(48, 60)],
    ['b', matrix(20, 48)],
  ]);
}

function memberOf(id: string, weights: Weights, parameters: number): Member {
  const totals = createSketchTotals();
  for (const { shape, data } of weights.values()) {
    const sketch = new TensorSketch(shape, [...shape.keys()]);
    sketch.add(data);
    sketch.finish(totals);
  }
  return { id, summary: { centred: finishSketch(totals.centred), parameters } } as unknown as Member;
}

describe('the cosine of permuted copies', () => {
  it.each([[0], [1], [3]])('deviates as the closed form says, with %i directions that rows share', async (rank) => {
    const weights = drawWeights(5, rank);
    const archive = { weights: async () => weights } as unknown as Archive;
    const sketched = await estimateCosineNull([memberOf('x', weights, 1000)], archive);
    const deviation = Math.sqrt(varianceOfPermuted(weights));
    // 200 cosines know the deviation to 5 %, one standard deviation; four are allowed.
    expect(deviation / sketched.standardDeviation).toBeGreaterThan(0.8);
    expect(deviation / sketched.standardDeviation).toBeLessThan(1.25);
    expect(Math.abs(sketched.mean)).toBeLessThan((4 * deviation) / Math.sqrt(200));
  });

  it('is worked out, not sketched, for large networks', async () => {
    const weights = drawWeights(6, 1);
    const archive = { weights: async () => weights } as unknown as Archive;
    const found = await estimateCosineNull([memberOf('x', weights, 1e7)], archive);
    expect(found).toEqual({ mean: 0, standardDeviation: Math.sqrt(varianceOfPermuted(weights)) });
  });

  it('has the error of the sketch where nothing varies, and takes what is not finite for nothing', () => {
    const constant = new Map([['a', { shape: [4, 4], data: new Float32Array(16).fill(2) }]]);
    expect(varianceOfPermuted(constant)).toBe(1 / SKETCH_LENGTH);
    const broken = new Map([['a', { shape: [4, 4], data: new Float32Array(16).fill(Number.NaN) }]]);
    expect(varianceOfPermuted(broken)).toBe(1 / SKETCH_LENGTH);
  });
});
