import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { productsOfDifferences, productsWith } from '../../src/lineage/four-products.ts';

const LENGTH = 9;
const values = fc.float32Array({ minLength: LENGTH, maxLength: LENGTH, noNaN: true, min: -100, max: 100 });

describe('four products at once', () => {
  it('are those of one after the other, to the last bit, for any number of vectors', () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 11 }), values, values, (vectors, base, other) => {
        const wide = vectors.map((vector) => Float64Array.from(vector, (x) => x / 3));
        const right = Float64Array.from(other, (x) => x / 7);
        const products = wide.map((vector) => vector.reduce((sum, x, k) => sum + x * (right[k] ?? 0), 0));
        expect([...productsWith(wide, right)]).toEqual(products);
        const differences = vectors.map((vector) =>
          vector.reduce((sum, x, k) => sum + Math.fround(x - (base[k] ?? 0)) * (right[k] ?? 0), 0),
        );
        expect([...productsOfDifferences(vectors, base, right)]).toEqual(differences);
      }),
    );
  });
});
