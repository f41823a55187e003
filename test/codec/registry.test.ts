import { describe, expect, it } from 'vitest';
import { decodeBlock, encodeBlock } from '../../src/codec/index.ts';

describe('encodeBlock', () => {
  it('returns empty and incompressible bytes as they are', () => {
    for (const plain of [new Uint8Array(0), Uint8Array.of(7), crypto.getRandomValues(new Uint8Array(5000))]) {
      const block = encodeBlock(plain, { type: 'bytes' });
      expect(block.payload.length).toBe(plain.length);
      expect(decodeBlock(block, plain.length, { type: 'bytes' })).toEqual(plain);
    }
  });

  it('deflates text', () => {
    const plain = new TextEncoder().encode('the weights of a layer, '.repeat(400));
    const block = encodeBlock(plain, { type: 'bytes' });
    expect(block.payload.length).toBeLessThan(plain.length / 20);
    expect(new Uint8Array(decodeBlock(block, plain.length, { type: 'bytes' }))).toEqual(plain);
  });
});

describe('decodeBlock', () => {
  it.each([
    ['a raw payload of another length', 0, Uint8Array.of(1, 2), 3],
    ['a deflated payload that is none', 1, Uint8Array.of(255, 255, 255), 3],
    ['a deflated payload that inflates to more', 1, Uint8Array.of(0x4b, 0x4c, 0x4c, 0x4c, 4, 0), 2],
  ])('refuses %s', (_, codec, payload, byteLength) => {
    expect(() => decodeBlock({ codec, payload }, byteLength, { type: 'bytes' })).toThrowError(
      expect.objectContaining({ code: 'corrupt' }),
    );
  });

  it('tells a codec of a newer wsvc from damage', () => {
    expect(() => decodeBlock({ codec: 250, payload: Uint8Array.of(1, 2) }, 2, { type: 'bytes' })).toThrowError(
      expect.objectContaining({ code: 'format-version' }),
    );
  });
});
