import fc from 'fast-check';
import { expect, test } from 'vitest';
import { invertOrder, permuteAxes, permuteElements, permuteShape } from '../../src/tensors/permute.ts';

/** The definition, element by element. */
function permuteSlowly(data: Float32Array, shape: readonly number[], order: readonly number[]): Float32Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const out = new Float32Array(data.length);
  const target = permuteShape(shape, order);
  for (let i = 0; i < out.length; i += 1) {
    let rest = i;
    let from = 0;
    for (let axis = target.length - 1; axis >= 0; axis -= 1) {
      const size = target[axis] ?? 1;
      from += (rest % size) * (strides[order[axis] ?? 0] ?? 0);
      rest = Math.floor(rest / size);
    }
    out[i] = data[from] ?? Number.NaN;
  }
  return out;
}

const shaped = fc
  .array(fc.integer({ min: 0, max: 7 }), { maxLength: 5 })
  .chain((shape) => fc.tuple(fc.constant(shape), fc.shuffledSubarray([...shape.keys()], { minLength: shape.length })));

test('moves every element where the definition says, and back', () => {
  fc.assert(
    fc.property(shaped, ([shape, order]) => {
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i);
      const permuted = permuteAxes(data, shape, order);
      expect(permuted).toEqual(permuteSlowly(data, shape, order));
      expect(permuteAxes(permuted, permuteShape(shape, order), invertOrder(order))).toEqual(data);
    }),
  );
});

test.each([1, 2, 4, 8, 16])('moves elements of %d bytes whole', (width) => {
  fc.assert(
    fc.property(shaped, ([shape, order]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const bytes = Uint8Array.from({ length: count * width }, (_, i) => (i * 7 + (i >> 5)) & 0xff);
      const index = permuteAxes(
        Float32Array.from({ length: count }, (_, i) => i),
        shape,
        order,
      );
      const expected = Buffer.concat([...index].map((i) => bytes.subarray(i * width, (i + 1) * width)));
      expect(Buffer.from(permuteElements(bytes, width, shape, order)).equals(expected)).toBe(true);
    }),
  );
});

test('a large matrix is transposed block by block', () => {
  const data = Float32Array.from({ length: 100 * 70 }, (_, i) => i);
  expect(permuteAxes(data, [100, 70], [1, 0])).toEqual(permuteSlowly(data, [100, 70], [1, 0]));
});

test('an order that names an axis twice is a bug', () => {
  expect(() => permuteAxes(new Float32Array(4), [2, 2], [0, 0])).toThrow(expect.objectContaining({ code: 'bug' }));
});
