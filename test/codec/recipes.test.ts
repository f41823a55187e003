import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat32Bits } from '../../src/codec/casts.ts';
import { gatherBase, gatheredRange } from '../../src/codec/gather.ts';
import { type BlockType, decodeBlock, encodeBlock, encodeGathered } from '../../src/codec/index.ts';
import { BLOCK_ROUNDINGS, roundToBlocks } from '../../src/codec/round-blocks.ts';
import { codeUnit } from '../../src/tensors/code-form.ts';
import { createRandom } from '../bench/small-net.ts';

const normals = (count: number, seed: number) => {
  const { normal } = createRandom(seed);
  return Float32Array.from({ length: count }, () => normal() * 0.05);
};
const bytesOf = (values: Float32Array) => new Uint8Array(values.slice().buffer);
const cast = (values: Float32Array, type: BlockType) =>
  type === 'f32' ? bytesOf(values) : fromFloat32Bits(new Uint32Array(values.slice().buffer), type, 'nearest');

describe('rounding to blocks', () => {
  const forms = ['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1'] as const;

  it.each(forms)('takes a few bytes for %s, however it was rounded', (form) => {
    const values = normals(4096, 3);
    for (const rounding of BLOCK_ROUNDINGS) {
      const plain = roundToBlocks(values, form, rounding);
      const context = { type: 'bytes', form, base: bytesOf(values), baseType: 'f32' } as const;
      const coded = encodeBlock(plain, context);
      expect(coded.payload.length).toBeLessThan(16);
      expect(Buffer.compare(decodeBlock(coded, plain.length, context), plain)).toBe(0);
    }
  });

  it.each(forms)('loses nothing of %s that were rounded otherwise', (form) => {
    const values = normals(4096, 4);
    values.set([Number.NaN, Number.POSITIVE_INFINITY, -0], 5);
    const plain = roundToBlocks(values, form, BLOCK_ROUNDINGS[0] ?? expect.fail());
    for (let i = 0; i < plain.length; i += codeUnit(form).byteLength) plain[i] = ((plain[i] ?? 0) + i) & 255;
    const context = { type: 'bytes', form, base: bytesOf(values), baseType: 'f32' } as const;
    const coded = encodeBlock(plain, context);
    expect(Buffer.compare(decodeBlock(coded, plain.length, context), plain)).toBe(0);
  });
});

describe('rounding to 8 bits, slice by slice', () => {
  const rowLength = 96;
  const layouts = [
    { name: 'all alike', slice: () => 0 },
    { name: 'by rows', slice: (i: number) => Math.floor((i + 40) / rowLength) },
    { name: 'by columns', slice: (i: number) => (i + 40) % rowLength },
  ];

  it.each(layouts.flatMap((layout) => [0, 7].map((zero) => ({ ...layout, zero }))))(
    'finds factors $name, zero at $zero',
    ({ slice, zero }) => {
      const values = normals(96 * 100, 5);
      const plain = Uint8Array.from(
        values,
        (w, i) => Math.max(-128, Math.min(127, Math.round(w * (400 + slice(i)) + zero))) & 255,
      );
      const context = { type: 'i8', base: bytesOf(values), baseType: 'f32', rowLength, rowOffset: 40 } as const;
      const coded = encodeBlock(plain, context);
      // At most 101 slices of a factor and a zero, and a few ties.
      expect(coded.payload.length).toBeLessThan(101 * 5 + 40);
      expect(Buffer.compare(decodeBlock(coded, plain.length, context), plain)).toBe(0);
    },
  );
});

describe('a base in another order', () => {
  it('has the elements that the order says, part by part', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(sizes, fc.nat(), fc.nat(), fc.constantFrom(1, 2, 4, 8, 16), (sizes, a, b, width) => {
        const total = sizes.reduce((product, n) => product * n, 1);
        const order = sizes.map((_, i) => i).sort((x, y) => ((x * 7 + a) % 5) - ((y * 7 + a) % 5));
        const start = a % total;
        const count = 1 + (b % (total - start));
        const bytes = Uint8Array.from({ length: total * width }, (_, i) => i % 251);
        const { first, last } = gatheredRange({ sizes, order, start, skipped: 0 }, count);
        const parts = bytes.slice(first * width, (last + 1) * width);
        const found = gatherBase(parts, { sizes, order, start, skipped: first }, count, width);
        const turned = order.map((axis) => sizes[axis] ?? 1);
        for (let k = 0; k < count; k++) {
          let rest = start + k;
          const places = new Array<number>(sizes.length).fill(0);
          for (let i = sizes.length - 1; i >= 0; i--) {
            places[order[i] ?? 0] = rest % (turned[i] ?? 1);
            rest = Math.floor(rest / (turned[i] ?? 1));
          }
          const at = places.reduce((sum, place, axis) => sum * (sizes[axis] ?? 1) + place, 0);
          expect(found.slice(k * width, (k + 1) * width)).toEqual(bytes.slice(at * width, (at + 1) * width));
        }
      }),
    );
  });

  it.each(['f32', 'bf16', 'f16'] as const)('makes a %s copy of a turned f32 a few bytes', (type) => {
    const values = normals(60 * 40, 6);
    const gather = { sizes: [60, 40], order: [1, 0], start: 0, skipped: 0 };
    const turned = Float32Array.from(values, (_, i) => values[(i % 60) * 40 + Math.floor(i / 60)] ?? 0);
    const plain = cast(turned, type);
    const base = gatherBase(bytesOf(values), gather, values.length, 4);
    const coded = encodeGathered(plain, { type, base, baseType: 'f32' }, gather) ?? expect.fail();
    expect(coded.payload.length).toBeLessThan(24);
    const context = { type, parts: bytesOf(values), baseType: 'f32' } as const;
    expect(Buffer.compare(decodeBlock(coded, plain.length, context), plain)).toBe(0);
  });

  it('is refused where it lies outside the parts, or where nothing is at hand', () => {
    const values = normals(24, 7);
    const gather = { sizes: [4, 6], order: [1, 0], start: 0, skipped: 0 };
    const coded = encodeGathered(bytesOf(values), { type: 'f32', base: bytesOf(values), baseType: 'f32' }, gather);
    expect(coded).toBeDefined();
    const decode = (parts: Uint8Array | undefined) =>
      decodeBlock(coded ?? expect.fail(), 96, { type: 'f32', ...(parts === undefined ? {} : { parts }) });
    expect(() => decode(bytesOf(values).subarray(0, 80))).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(() => decode(undefined)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });
});
