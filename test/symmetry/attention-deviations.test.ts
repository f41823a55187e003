import { describe, expect, it } from 'vitest';
import { deviationsOfPair, findAttentionPairs, multiplyPair } from '../../src/symmetry/attention-products.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createGaussian } from '../lineage/alter.ts';

const WIDTH = 16;
const STEP = 1 / 64;

const gaussian = createGaussian(4);
const draw = (...shape: number[]) => ({
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, gaussian),
});
const exact: Weights = new Map([
  ['attn.qkv.weight', draw(3 * WIDTH, WIDTH)],
  ['attn.qkv.bias', draw(3 * WIDTH)],
  ['attn.proj.weight', draw(WIDTH, WIDTH)],
]);
const rounded: Weights = new Map(
  [...exact].map(([name, { shape, data }]) => [name, { shape, data: data.map((x) => STEP * Math.round(x / STEP)) }]),
);
const halves = new Map([...exact].map(([name, { data }]) => [name, data.map(() => STEP / 2)]));

describe('the rounding of factors', () => {
  it.each(findAttentionPairs(exact).map((pair) => [pair.name, pair] as const))('moves %s by as much', (_, pair) => {
    const [first, second] = [multiplyPair(exact, pair)?.data, multiplyPair(rounded, pair)?.data];
    const deviations = deviationsOfPair(rounded, halves, pair);
    expect(deviations?.length).toBe(first?.length);
    const ratios = Array.from(deviations ?? [], (d, i) => ((first?.[i] ?? 0) - (second?.[i] ?? 0)) / d);
    const rms = Math.sqrt(ratios.reduce((sum, x) => sum + x * x, 0) / ratios.length);
    expect(rms).toBeGreaterThan(0.85);
    expect(rms).toBeLessThan(1.15);
    expect(ratios.filter((x) => Math.abs(x) > 3).length).toBeLessThan(0.02 * ratios.length);
  });

  it('is nothing where nothing was rounded', () => {
    const [pair] = findAttentionPairs(exact);
    if (pair === undefined) throw new Error('There are pairs.');
    expect(deviationsOfPair(exact, new Map(), pair)?.every((x) => x === 0)).toBe(true);
  });
});
