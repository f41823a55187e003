import { describe, expect, it } from 'vitest';
import { CHUNK_ELEMENTS } from '../../src/tensors/chunks.ts';
import { keepRows, sampleOf, stretchesOf } from '../../src/tensors/row-sample.ts';

const sample = (shape: readonly number[], step: number) =>
  sampleOf(
    shape,
    shape.reduce((a, b) => a * b, 1),
    step,
  );

describe('the rows of a large tensor that are read', () => {
  it('are about one in so many', () => {
    for (const [rows, width] of [
      [3072, 1024],
      [50_257, 768],
      [4096, 4096],
      [1000, 4608],
      [700_000, 3],
      [11, 700_000],
    ] as const) {
      for (const step of [1, 2, 4, 8, 32]) {
        const kept = sample([rows, width], step).rows.length;
        expect(kept).toBeGreaterThanOrEqual(Math.floor(rows / step / 1.34));
        expect(kept).toBeLessThanOrEqual(Math.ceil((rows / step) * 2));
      }
    }
  });

  it('lie in a quarter of the chunks', () => {
    const { rows, width } = sample([50_000, 1024], 32);
    const chunks = new Set([...rows].map((row) => Math.floor((row * width) / CHUNK_ELEMENTS)));
    expect([...chunks]).toEqual(Array.from({ length: 25 }, (_, i) => 4 * i));
  });

  it('are the same where more rows follow', () => {
    const longer = sample([51_000, 1000], 16).rows;
    const shorter = sample([50_257, 1000], 16).rows;
    expect([...longer.subarray(0, shorter.length)]).toEqual([...shorter]);
  });

  it('do not cut small tensors', () => {
    expect(sample([64, 64], 32).rows.length).toBe(64);
    expect(sample([], 32).rows.length).toBe(1);
    expect(sample([0, 5], 32).rows.length).toBe(0);
  });

  it('are kept whatever the pieces are that they come in', () => {
    const [count, width] = [2000, 1500];
    const values = Float32Array.from({ length: count * width }, (_, i) => i);
    const kept = sample([count, width], 16);
    const expected = new Float32Array(kept.rows.length * width);
    kept.rows.forEach((row, at) => {
      expected.set(values.subarray(row * width, (row + 1) * width), at * width);
    });
    const isExpected = (found: Float32Array) => Buffer.from(found.buffer).equals(Buffer.from(expected.buffer));
    for (const size of [999, 524_288, 1_000_003]) {
      const found = new Float32Array(expected.length);
      for (let at = 0; at < values.length; at += size) keepRows(values.subarray(at, at + size), at, found, kept);
      expect(isExpected(found)).toBe(true);
    }
    const found = new Float32Array(expected.length);
    for (const { start, end } of stretchesOf(kept)) keepRows(values.subarray(start, end), start, found, kept);
    expect(isExpected(found)).toBe(true);
  });
});
