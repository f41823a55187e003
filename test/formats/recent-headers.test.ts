import { expect, it } from 'vitest';
import { RecentHeaders } from '../../src/formats/safetensors/recent-headers.ts';

const text = (byteLength: number, first: number) => new Uint8Array(byteLength).fill(first, 0, 1);

function parser() {
  const headers = new RecentHeaders<object>();
  let count = 0;
  const parse = (bytes: Uint8Array, fileByteLength = 1e9) =>
    headers.parse(bytes, fileByteLength, () => ({ number: count++ }));
  return { parse, parsed: () => count };
}

it('gives the same header for an equal text in a file of the same size, and for no other', () => {
  const { parse, parsed } = parser();
  const first = parse(text(100_000, 1));
  expect(parse(text(100_000, 1))).toBe(first);
  expect(parse(text(100_000, 2))).not.toBe(first);
  expect(parse(text(100_000, 1), 1e9 + 1)).not.toBe(first);
  expect(parse(text(100_000, 1))).toBe(first);
  expect(parsed()).toBe(3);
});

it('keeps no short ones, and of long ones those used last', () => {
  const { parse, parsed } = parser();
  expect(parse(text(100, 1))).not.toBe(parse(text(100, 1)));
  const [a, b, c] = [1, 2, 3].map((first) => text(7 << 20, first));
  for (const bytes of [a, b, a, c, a]) if (bytes) parse(bytes);
  expect(parsed()).toBe(5);
  if (b) parse(b);
  expect(parsed()).toBe(6);
});
