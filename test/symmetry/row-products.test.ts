import { afterEach, describe, expect, it } from 'vitest';
import { allowWasm } from '../../src/bytes/wasm-module.ts';
import { multiplyRows } from '../../src/symmetry/row-products.ts';
import { createRandom } from '../bench/small-net.ts';

afterEach(() => allowWasm(true));

describe('products of rows', () => {
  it.each([
    [16, 16],
    [33, 7],
    [70, 129],
    [65, 3],
    [101, 50],
  ])('are the same to the bit by plain loops and as WebAssembly: %i rows of %i', (size, width) => {
    const { normal } = createRandom(size);
    const [q, c] = [0, 1].map(() => Float64Array.from({ length: size * width }, normal));
    if (q === undefined || c === undefined) return;
    q[3] = Number.POSITIVE_INFINITY;
    const fast = multiplyRows(q, c, size, width).slice();
    allowWasm(false);
    const plain = multiplyRows(q, c, size, width);
    expect(Buffer.compare(new Uint8Array(fast.buffer), new Uint8Array(plain.buffer))).toBe(0);
    const [i, j] = [size - 1, size - 2];
    let sum = 0;
    for (let k = 0; k < width; k++) sum += (q[i * width + k] ?? 0) * (c[j * width + k] ?? 0);
    expect(plain[i * size + j]).toBeCloseTo(sum, 9);
  });
});
