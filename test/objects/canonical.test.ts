import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CanonicalValue,
  decodeCanonical,
  encodeCanonical,
  encodeWithBytes,
  MAX_DEPTH,
} from '../../src/objects/canonical.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const nest = (depth: number): CanonicalValue => (depth === 0 ? 0 : [nest(depth - 1)]);

const golden: readonly [string, CanonicalValue, string][] = [
  ['nil', null, 'c0'],
  ['booleans', [false, true], '92 c2 c3'],
  ['small integers', [0, 127, -1, -32], '94 00 7f ff e0'],
  ['integers of one byte', [128, 255, -33, -128], '94 cc80 ccff d0df d080'],
  ['integers of two bytes', [256, 65535, -129, -32768], '94 cd0100 cdffff d1ff7f d18000'],
  [
    'integers of four bytes',
    [65536, 2 ** 32 - 1, -32769, -(2 ** 31)],
    '94 ce00010000 ceffffffff d2ffff7fff d280000000',
  ],
  ['integers of eight bytes', [2 ** 32, -(2 ** 31) - 1], '92 d30000000100000000 d3ffffffff7fffffff'],
  ['the largest integers', [2 ** 53 - 1, -(2 ** 53) + 1], '92 d3001fffffffffffff d3ffe0000000000001'],
  [
    'other numbers',
    [0.5, 1e300, Number.POSITIVE_INFINITY],
    '93 cb3fe0000000000000 cb7e37e43c8800759c cb7ff0000000000000',
  ],
  ['text', 'wsvc é', 'a7 77737663 20 c3a9'],
  ['bytes', new Uint8Array([1, 2]), 'c402 0102'],
  [
    'keys in the order of their bytes',
    { b: 1, a: 2, B: 3, aa: 4, '': 5 },
    '85 a0 05 a142 03 a161 02 a26161 04 a162 01',
  ],
  ['keys beyond the basic plane', { '\u{1f600}': 1, '\uff5e': 2 }, '82 a3efbd9e 02 a4f09f9880 01'],
];

describe('canonical msgpack', () => {
  it.each(golden)('encodes %s', (_name, value, expected) => {
    expect(hex(encodeCanonical(value))).toBe(expected.replaceAll(' ', ''));
    expect(decodeCanonical(bytes(expected))).toEqual(value);
  });

  it.each([
    ['no bytes', ''],
    ['bytes after the value', 'c0 c0'],
    ['a truncated string', 'a5 61'],
    ['a count beyond the bytes', 'dd ffffffff'],
    ['a map count beyond the bytes', 'df ffffffff'],
    ['a long form of a short integer', 'cc 7f'],
    ['a signed form of a positive integer', 'd0 05'],
    ['an unsigned form of eight bytes', 'cf 0000000100000000'],
    ['an integer beyond the safe ones', 'd3 7fffffffffffffff'],
    ['a float of four bytes', 'ca 3f000000'],
    ['a float that is an integer', 'cb 3ff0000000000000'],
    ['a float that is minus zero', 'cb 8000000000000000'],
    ['a not-a-number of other bits', 'cb 7ff8000000000001'],
    ['a long form of a short string', 'd9 01 61'],
    ['a long form of a short array', 'dc 0001 c0'],
    ['a long form of a short map', 'de 0001 a161 c0'],
    ['a long form of short bytes', 'c5 0001 00'],
    ['keys out of order', '82 a162 01 a161 01'],
    ['a key twice', '82 a161 01 a161 02'],
    ['a key that is no string', '81 01 01'],
    ['text that is no UTF-8', 'a2 c328'],
    ['text with an encoded surrogate', 'a3 eda080'],
    ['a type that does not exist', 'c1'],
    ['an extension', 'd4 01 00'],
    ['a timestamp', 'd6 ff 00000000'],
    ['too many levels', `${'91'.repeat(MAX_DEPTH + 1)}00`],
    ['far too many levels', `${'91'.repeat(100_000)}00`],
  ])('refuses %s', (_name, text) => {
    expect(() => decodeCanonical(bytes(text))).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it.each([
    ['undefined', undefined],
    ['undefined in a map', { a: undefined }],
    ['a bigint', 1n],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['another typed array', new Float32Array(1)],
    ['a buffer', new ArrayBuffer(1)],
    ['minus zero', -0],
    ['a lone surrogate', '\ud800'],
    ['a lone surrogate in a key', { '\udc00': 1 }],
    ['a symbol key', { [Symbol('s')]: 1 }],
    ['too many levels', nest(MAX_DEPTH + 1)],
  ])('does not encode %s', (_name, value) => {
    // What the types forbid is refused at run time as well.
    expect(() => encodeCanonical(value as CanonicalValue)).toThrow(expect.objectContaining({ code: 'bug' }));
  });

  it('keeps the deepest nesting that it allows', () => {
    expect(decodeCanonical(encodeCanonical(nest(MAX_DEPTH)))).toEqual(nest(MAX_DEPTH));
  });

  it('treats __proto__ and constructor as keys like any other', () => {
    const value = decodeCanonical(bytes('82 a9 5f5f70726f746f5f5f 81 a161 01 ab 636f6e7374727563746f72 02'));
    expect(Object.keys(value ?? {})).toEqual(['__proto__', 'constructor']);
    expect(({} as { a?: unknown }).a).toBeUndefined();
    expect(hex(encodeCanonical(value))).toContain('5f5f70726f746f5f5f');
  });

  const scalars = fc.oneof(
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double().filter((value) => !Object.is(value, -0)),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 300 }),
  );
  const values = fc.letrec<{ value: CanonicalValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      scalars,
      fc.array(tie('value'), { maxLength: 20 }),
      fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 20, noNullPrototype: false }),
    ),
  })).value;

  it('gives back what it was given, whatever the order of keys', () => {
    fc.assert(
      fc.property(values, (value) => {
        const encoded = encodeCanonical(value);
        const decoded = decodeCanonical(encoded);
        expect(decoded).toEqual(value);
        expect(hex(encodeCanonical(reverseKeys(decoded)))).toBe(hex(encoded));
      }),
      { numRuns: 300 },
    );
  });

  it('reads long bytes at the end of an array, and refuses another head or length of them', () => {
    for (const length of [1024, 65535, 65536]) {
      const value = [7, 'a', new Uint8Array(length).fill(1)];
      const encoded = encodeCanonical(value);
      expect(encodeWithBytes([7, 'a'], new Uint8Array(length).fill(1))).toEqual(encoded);
      expect(decodeCanonical(encoded)).toEqual(value);
      const body = encoded.subarray(encoded.byteLength - length);
      const wide = Buffer.concat([bytes('93 07 a161 c6'), Buffer.from([0, length >>> 16, length >>> 8, length]), body]);
      if (length < 65536) expect(() => decodeCanonical(wide)).toThrow();
      else expect(new Uint8Array(wide)).toEqual(encoded);
      expect(() => decodeCanonical(Buffer.concat([bytes('93 cc07'), encoded.subarray(2)]))).toThrow();
      expect(() => decodeCanonical(encoded.subarray(0, -1))).toThrow();
      expect(() => decodeCanonical(Buffer.concat([encoded, bytes('00')]))).toThrow();
    }
  });

  it('refuses every truncation, and every change of a byte that it does not give back', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, position, flip) => {
        const encoded = encodeCanonical(value);
        const at = position % encoded.byteLength;
        expect(() => decodeCanonical(encoded.subarray(0, at))).toThrow(expect.objectContaining({ code: 'corrupt' }));
        const changed = encoded.map((byte, i) => (i === at ? byte ^ flip : byte));
        expectRefusedOrSame(changed);
      }),
      { numRuns: 300 },
    );
  });
});

function reverseKeys(value: CanonicalValue): CanonicalValue {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse());
}

function expectRefusedOrSame(encoded: Uint8Array): void {
  let value: CanonicalValue;
  try {
    value = decodeCanonical(encoded);
  } catch (error) {
    expect(error).toMatchObject({ code: 'corrupt' });
    return;
  }
  expect(hex(encodeCanonical(value))).toBe(hex(encoded));
}
