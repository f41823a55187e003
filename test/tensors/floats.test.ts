import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Float16Array, f16round } from '@petamoriken/float16';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeToFloat32 } from '../../src/tensors/decode.ts';
import { type DType, elementByteLength } from '../../src/tensors/dtype.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import { pythonHas, runPythonWith } from '../peers.ts';

const allHalves = Uint16Array.from({ length: 65_536 }, (_, code) => code);
const allBytes = Uint8Array.from({ length: 256 }, (_, code) => code);
const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** f32 values of every sign and exponent, at and next to the places where a shorter float rounds. */
function roundingCases(): Float32Array {
  const bits: number[] = [];
  for (let exponent = 0; exponent < 256; exponent += 1) {
    for (const mantissa of [
      0, 1, 0x0fff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x3001, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000,
    ]) {
      bits.push((exponent << 23) | mantissa);
    }
    for (const top of [
      0x080000, 0x0fffff, 0x100000, 0x100001, 0x180000, 0x200000, 0x2fffff, 0x300000, 0x600000, 0x7fffff,
    ]) {
      bits.push((exponent << 23) | top);
    }
  }
  return new Float32Array(Uint32Array.from([...bits, ...bits.map((word) => word + 0x80000000)]).buffer);
}

describe('f16', () => {
  test('decodes every code as @petamoriken/float16 does', () => {
    const decoded = decodeToFloat32('f16', bytesOf(allHalves));
    expect(decoded).toEqual(Float32Array.from(new Float16Array(allHalves.buffer)));
    expect(Object.is(decoded[0x8000], -0)).toBe(true);
  });

  test('rounds as @petamoriken/float16 does', () => {
    const values = roundingCases();
    expect(decodeToFloat32('f16', encodeFromFloat32('f16', values))).toEqual(values.map((value) => f16round(value)));
  });
});

describe('codes', () => {
  const codes: readonly (readonly [DType, Uint8Array])[] = [
    ['f16', bytesOf(allHalves)],
    ['bf16', bytesOf(allHalves)],
    ['f8_e4m3', allBytes],
    ['f8_e5m2', allBytes],
  ];
  test.each(codes)('of %s come back exactly, NaN as NaN', (dtype, bytes) => {
    const values = decodeToFloat32(dtype, bytes);
    const again = decodeToFloat32(dtype, encodeFromFloat32(dtype, values));
    expect(again).toEqual(values);
    expect(values.some(Number.isNaN)).toBe(true);
  });

  test.each([
    ['f8_e4m3', 0x7e, 448],
    ['f8_e4m3', 0x01, 2 ** -9],
    ['f8_e4m3', 0x7f, Number.NaN],
    ['f8_e5m2', 0x7b, 57_344],
    ['f8_e5m2', 0x01, 2 ** -16],
    ['f8_e5m2', 0x7c, Infinity],
    ['f8_e5m2', 0xfc, -Infinity],
    ['f8_e5m2', 0x7d, Number.NaN],
  ] as const)('%s %i is %d (OFP8)', (dtype, code, value) => {
    expect(decodeToFloat32(dtype, Uint8Array.of(code))[0]).toBe(value);
  });

  test.each([
    ['f8_e4m3', 464, 448],
    ['f8_e4m3', 465, Number.NaN],
    ['f8_e4m3', -Infinity, Number.NaN],
    ['f8_e5m2', 61_440, Infinity],
    ['f8_e5m2', 61_439, 57_344],
    ['f16', 65_519.99, 65_504],
    ['f16', 65_520, Infinity],
    ['bf16', 3.4e38, Infinity],
  ] as const)('%s: %d rounds to %d', (dtype, value, rounded) => {
    expect(decodeToFloat32(dtype, encodeFromFloat32(dtype, Float32Array.of(value)))[0]).toBe(rounded);
  });
});

test('every float type rounds to the nearest of its values', () => {
  const types = ['f8_e4m3', 'f8_e5m2', 'f16', 'bf16'] as const;
  const grids = types.map((dtype) => {
    const codes = elementByteLength(dtype) === 1 ? allBytes : bytesOf(allHalves);
    return [...decodeToFloat32(dtype, codes)].filter(Number.isFinite).sort((a, b) => a - b);
  });
  const value = fc.float({ noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(value, fc.nat(3), (number, type) => {
      const grid = grids[type] ?? [];
      const [rounded = 0] = decodeToFloat32(
        types[type] ?? 'f16',
        encodeFromFloat32(types[type] ?? 'f16', Float32Array.of(number)),
      );
      const nearest = grid.reduce((best, other) => Math.min(best, Math.abs(other - number)), Infinity);
      if (Number.isFinite(rounded)) expect(Math.abs(rounded - number)).toBe(nearest);
      else expect(Math.abs(number)).toBeGreaterThan(grid.at(-1) ?? 0);
    }),
    { numRuns: 300 },
  );
});

test('any alignment decodes alike', () => {
  for (const dtype of ['f64', 'f32', 'f16', 'bf16', 'i64', 'u32', 'i16', 'c64', 'c128'] as const) {
    const bytes = Uint8Array.from({ length: 48 }, (_, i) => (i * 37) & 0x3f);
    const shifted = new Uint8Array(49);
    shifted.set(bytes, 1);
    expect(decodeToFloat32(dtype, shifted.subarray(1))).toEqual(decodeToFloat32(dtype, bytes));
  }
});

test('decodes into the array given, and keeps the payload of a NaN', () => {
  const out = new Float32Array(8);
  const words = Uint32Array.of(0x7fc01234, 0x3f800000);
  const decoded = decodeToFloat32('f32', bytesOf(words), out.subarray(3));
  expect(decoded.buffer).toBe(out.buffer);
  expect(decoded).toHaveLength(2);
  expect(new Uint32Array(out.buffer)[3]).toBe(0x7fc01234);
  expect(bytesOf(words)).toEqual(encodeFromFloat32('f32', decoded));
});

test('no type but a float is rounded to', () => {
  expect(() => encodeFromFloat32('i32', Float32Array.of(1))).toThrow(expect.objectContaining({ code: 'usage' }));
});

const integers = [
  0n,
  1n,
  -1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n + 2n ** 38n + 1n,
  -(2n ** 62n) - 2n ** 38n,
  -(2n ** 63n),
  2n ** 63n - 1n,
  2n ** 60n + 2n ** 36n + 1n,
  2n ** 60n + 2n ** 36n,
  2n ** 60n + 2n ** 36n - 1n,
  -(2n ** 60n) - 2n ** 36n - 1n,
  16_777_217n,
  -16_777_219n,
];

describe.skipIf(!pythonHas('numpy'))('as numpy casts it', () => {
  const numpyTypes = {
    f64: '<f8',
    f16: '<f2',
    i64: '<i8',
    u64: '<u8',
    i32: '<i4',
    u32: '<u4',
    i16: '<i2',
    u16: '<u2',
    i8: '|i1',
    u8: '|u1',
  } as const;
  test.each(Object.entries(numpyTypes))('%s', (dtype, code) => {
    const random = Uint8Array.from({ length: 8000 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 23) & 0xff);
    const bytes = Buffer.concat([random, bytesOf(BigInt64Array.from(integers))]);
    const path = join(mkdtempSync(join(tmpdir(), 'wsvc-cast-')), 'bytes');
    writeFileSync(path, bytes);
    const script = `import numpy as np, sys\nnp.seterr(all='ignore')\nnp.fromfile(sys.argv[1], sys.argv[2]).astype('<f4').tofile(sys.argv[1]+'.f4')`;
    runPythonWith(['numpy'], script, path, code);
    const expected = new Float32Array(Uint8Array.from(readFileSync(`${path}.f4`)).buffer);
    expect(decodeToFloat32(dtype as DType, bytes)).toEqual(expected);
  });
});

describe.skipIf(!pythonHas('torch'))('as torch rounds it', () => {
  test.each([
    ['bf16', 'bfloat16'],
    ['f16', 'float16'],
  ] as const)('%s', (dtype, name) => {
    const values = roundingCases();
    const path = join(mkdtempSync(join(tmpdir(), 'wsvc-round-')), 'values');
    writeFileSync(path, bytesOf(values));
    const script = `import torch, sys\nraw = open(sys.argv[1], 'rb').read()\nx = torch.frombuffer(bytearray(raw), dtype=torch.float32).to(getattr(torch, sys.argv[2]))\nopen(sys.argv[1] + '.out', 'wb').write(bytes(x.view(torch.int16).numpy().tobytes()))`;
    runPythonWith(['numpy', 'torch'], script, path, name);
    const torch = Uint8Array.from(readFileSync(`${path}.out`));
    const isNan = values.map((value) => Number(Number.isNaN(value)));
    const keep = (codes: Uint8Array) => new Uint16Array(codes.buffer).filter((_, i) => isNan[i] === 0);
    expect(keep(encodeFromFloat32(dtype, values))).toEqual(keep(torch));
  });
});
