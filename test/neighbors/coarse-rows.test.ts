import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { encodeCoarse, openCoarseQuery } from '../../src/neighbors/coarse-rows.ts';
import { lengthOf, unitOf } from '../../src/neighbors/row-search.ts';

afterEach(() => allowWasm(true));

const DIMENSION = 64;
const vectors = fc.array(
  fc
    .tuple(
      fc.float32Array({ minLength: DIMENSION, maxLength: DIMENSION, noNaN: true, min: -8, max: 8 }),
      fc.integer({ min: -60, max: 60 }),
    )
    .map(([values, power]) => values.map((value) => value * 2 ** power)),
  { minLength: 2, maxLength: 12 },
);

/** What a query says of rows that were coded behind each other. */
function askCoarse([query, ...rows]: readonly Float32Array[]) {
  const unit = unitOf(query ?? new Float32Array(DIMENSION));
  const coarse = openCoarseQuery(unit, DIMENSION * rows.length, rows.length);
  const scales = rows.map((row, i) => {
    const codes = new Int8Array(coarse.room.buffer, coarse.room.byteOffset + i * DIMENSION, DIMENSION);
    return encodeCoarse(row, lengthOf(row), codes);
  });
  const products = [...coarse.multiply(0, DIMENSION, rows.length)];
  return { unit, products, scales, coarse };
}

describe('coarse rows', () => {
  test('no cosine lies outside its bound', () => {
    fc.assert(
      fc.property(vectors, (all) => {
        const { unit, products, scales, coarse } = askCoarse(all);
        all.slice(1).forEach((row, i) => {
          const scale = scales[i] ?? { factor: 0, slack: 0 };
          if (scale.factor === 0) return;
          const exact = row.reduce((sum, value, j) => sum + value * (unit[j] ?? 0), 0) / lengthOf(row);
          expect(Math.abs(coarse.cosine(products[i] ?? 0, scale) - exact)).toBeLessThanOrEqual(coarse.offBy(scale));
        });
      }),
    );
  });

  test('bounds are narrow: a hundredth for values of one size', () => {
    const row = Float32Array.from({ length: DIMENSION }, (_, i) => Math.sin(i + 1));
    const { scales, coarse } = askCoarse([row, row]);
    expect(coarse.offBy(scales[0] ?? { factor: 0, slack: 1 })).toBeLessThan(0.01);
  });

  test('products are the same without WebAssembly, also of the largest codes', () => {
    const flat = new Float32Array(1024).fill(1);
    fc.assert(
      fc.property(vectors, (all) => {
        const fast = askCoarse(all).products;
        allowWasm(false);
        const plain = askCoarse(all).products;
        allowWasm(true);
        expect(plain).toEqual(fast);
      }),
    );
    const coarse = openCoarseQuery(unitOf(flat), 1024, 1);
    encodeCoarse(flat, lengthOf(flat), new Int8Array(coarse.room.buffer, coarse.room.byteOffset, 1024));
    expect([...coarse.multiply(0, 1024, 1)]).toEqual([1024 * 127 * 8191]);
  });

  test('a row without a direction has no cosine', () => {
    for (const value of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const row = new Float32Array(DIMENSION).fill(value);
      expect(encodeCoarse(row, lengthOf(row), new Int8Array(DIMENSION)).factor).toBe(0);
    }
  });
});
