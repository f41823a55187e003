import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BlockContext, type BlockType, decodeBlock, encodeBlock } from '../../src/codec/index.ts';
import { DTYPES } from './dtypes.ts';

/** Encodes, decodes, compares; returns the coded size. */
function roundTrip(plain: Uint8Array, context: BlockContext): number {
  const block = encodeBlock(plain, context);
  expect(block.payload.length).toBeLessThanOrEqual(plain.length);
  const needed: BlockContext = {
    type: context.type,
    ...(block.ancestors >= 1 ? { base: context.base, baseType: context.baseType } : {}),
    ...(block.ancestors >= 2 ? { baseOfBase: context.baseOfBase } : {}),
  } as BlockContext;
  const decoded = decodeBlock(block, plain.length, needed);
  expect(Buffer.compare(decoded, plain)).toBe(0);
  const again = encodeBlock(new Uint8Array(plain), context);
  expect([again.codec, again.ancestors, Buffer.compare(again.payload, block.payload)]).toEqual([
    block.codec,
    block.ancestors,
    0,
  ]);
  return block.payload.length;
}

/** Bits of numbers that coders get wrong: zeros, subnormals, ones, infinities, NaNs with payloads, in every width. */
const SPECIAL_BYTES = [0x00, 0x01, 0x7f, 0x80, 0x81, 0xff, 0xfe, 0x3f, 0xbf, 0x7c, 0xfc, 0xf0];
const anyBytes = (maxLength: number) =>
  fc.oneof(
    fc.uint8Array({ maxLength }),
    fc.array(fc.constantFrom(...SPECIAL_BYTES), { maxLength }).map((bytes) => Uint8Array.from(bytes)),
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 16 }), fc.nat(maxLength))
      .map(([unit, length]) => Uint8Array.from({ length }, (_, i) => unit[i % unit.length] ?? 0)),
  );

function nudge(plain: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const out = plain.slice();
  for (const [at, value] of changes) if (out.length > 0) out[at % out.length] = value;
  return out;
}

describe.each(DTYPES)('blocks of %s', (type) => {
  it('round-trip without a base', () => {
    fc.assert(
      fc.property(anyBytes(600), (plain) => void roundTrip(plain, { type })),
      { numRuns: 150 },
    );
  });

  it('round-trip against a base, near or far, and its base', () => {
    const changes = fc.array(fc.tuple(fc.nat(600), fc.integer({ min: 0, max: 255 })), { maxLength: 40 });
    fc.assert(
      fc.property(anyBytes(600), changes, changes, fc.boolean(), (base, next, before, far) => {
        const plain = far ? Uint8Array.from(base, (byte, i) => byte ^ (i * 37)) : nudge(base, next);
        roundTrip(plain, { type, base, baseOfBase: nudge(base, before) });
      }),
      { numRuns: 150 },
    );
  });

  it('round-trip against a base of every other type', () => {
    fc.assert(
      fc.property(anyBytes(400), anyBytes(400), fc.constantFrom<BlockType>(...DTYPES), (plain, base, baseType) => {
        roundTrip(plain, { type, base, baseType });
      }),
      { numRuns: 150 },
    );
  });

  it('take a few bytes when they are equal to the base', () => {
    const base = Uint8Array.from({ length: 4096 }, (_, i) => (i * i * 31) >> 3);
    expect(roundTrip(base, { type, base })).toBeLessThanOrEqual(2);
  });

  it('round-trip at odd addresses, and in Buffers, whose slices are no copies', () => {
    const odd = (bytes: Uint8Array) => new Uint8Array([0, ...bytes]).subarray(1);
    const inBuffer = (bytes: Uint8Array) => Buffer.from([0, ...bytes]).subarray(1);
    const base = Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) >> (i & 7));
    const [next, before] = [nudge(base, [[80, 3]]), nudge(base, [[8, 1]])];
    for (const move of [odd, inBuffer]) {
      roundTrip(move(next), { type, base: move(base), baseOfBase: move(before) });
      roundTrip(move(base), { type });
    }
  });

  it('come out the same from a payload in a Buffer', () => {
    const base = Uint8Array.from({ length: 4096 }, (_, i) => (i * 31) >> (i & 7));
    const plain = Uint8Array.from(base, (byte, i) => (i % 8 === 0 ? byte ^ 1 : byte));
    for (const context of [{ type }, { type, base }]) {
      const block = encodeBlock(plain, context);
      const payload = Buffer.from([7, ...block.payload]).subarray(1);
      expect(Buffer.compare(decodeBlock({ codec: block.codec, payload }, plain.length, context), plain)).toBe(0);
    }
  });
});
