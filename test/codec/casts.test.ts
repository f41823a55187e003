import { describe, expect, it } from 'vitest';
import { castBlock } from '../../src/codec/casts.ts';
import { decodeToFloat32 } from '../../src/tensors/decode.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { createRandom } from '../bench/small-net.ts';

const SMALL = ['bf16', 'f16', 'f8_e4m3', 'f8_e5m2'] as const;

/** Every code of a small type. */
function allCodes(type: (typeof SMALL)[number]): Uint8Array {
  if (type.startsWith('f8')) return Uint8Array.from({ length: 256 }, (_, code) => code);
  return new Uint8Array(Uint16Array.from({ length: 65536 }, (_, code) => code).buffer);
}

/** f32 numbers of every exponent, with ties and their neighbours: bits that small types cut off, and random ones. */
function manyFloats(): Float32Array<ArrayBuffer> {
  const { uniform } = createRandom(2);
  const tails = [0, 1, 0x1000, 0x0fff, 0x1001, 0x8000, 0x7fff, 0x8001, 0x80000, 0x100000, 0x200000, 0x7fffff];
  const bits = Array.from({ length: 512 }, (_, top) =>
    [...tails, ...tails.map(() => Math.floor(uniform() * 2 ** 23))].map((tail) => ((top << 23) | tail) >>> 0),
  );
  return new Float32Array(Uint32Array.from(bits.flat()).buffer);
}

/** NaNs of different payloads count as equal here: `tensors` does not keep them, the format's own rules do. */
function expectSameValues(actual: Float32Array, expected: Float32Array): void {
  const differing = [...expected.keys()].filter((i) => !Object.is(actual[i], expected[i]));
  expect(differing).toEqual([]);
}

describe.each(SMALL)('casts of %s', (type) => {
  it('widen every code to its value', () => {
    const codes = allCodes(type);
    const widened = new Float32Array(castBlock(codes, type, 'f32', 'nearest').buffer);
    expectSameValues(widened, decodeToFloat32(type, codes));
  });

  it('return every code that is no NaN from its widened value', () => {
    const codes = allCodes(type);
    for (const rounding of ['nearest', 'truncate'] as const) {
      const back = castBlock(castBlock(codes, type, 'f32', 'nearest'), 'f32', type, rounding);
      const values = decodeToFloat32(type, codes);
      const width = codes.length / values.length;
      const changed = [...back.keys()].filter(
        (i) => back[i] !== codes[i] && !Number.isNaN(values[Math.floor(i / width)]),
      );
      expect(changed).toEqual([]);
    }
  });

  it('round as the tensor layer rounds, written apart from this', () => {
    const values = manyFloats();
    const cast = castBlock(new Uint8Array(values.buffer), 'f32', type, 'nearest');
    expectSameValues(decodeToFloat32(type, cast), decodeToFloat32(type, encodeFromFloat32(type, values)));
  });
});

describe('casts of f64', () => {
  it('round to f32, and widen it exactly', () => {
    const values = Float64Array.of(0.1, -0, 1e300, 1e-300, Number.NaN, -Infinity, 2 ** -149, 1 + 2 ** -24);
    const narrow = new Float32Array(castBlock(new Uint8Array(values.buffer), 'f64', 'f32', 'nearest').buffer);
    expectSameValues(narrow, new Float32Array(values));
    const wide = new Float64Array(castBlock(new Uint8Array(narrow.buffer), 'f32', 'f64', 'nearest').buffer);
    expect([...wide]).toEqual([...narrow]);
  });
});
