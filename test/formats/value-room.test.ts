import { expect, it } from 'vitest';
import { ValueRoom } from '../../src/formats/value-room.ts';

it('gives every tensor values of its own, and takes no more memory than all need', () => {
  const lengths = [3, 0, 4096, 5000, 1, 2, ...Array.from({ length: 400 }, (_, i) => 200 + i)];
  const room = new ValueRoom(lengths.reduce((sum, length) => sum + length, 0));
  const taken = lengths.map((length) => room.take(length));
  expect(taken.map(({ length }) => length)).toEqual(lengths);
  for (const [i, values] of taken.entries()) values.fill(i + 1);
  for (const [i, values] of taken.entries()) expect(new Set(values)).toEqual(new Set(values.length ? [i + 1] : []));
  const memory = [...new Set(taken.map(({ buffer }) => buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(memory).toBeLessThanOrEqual(4 * lengths.reduce((sum, length) => sum + length, 0) + 3 * 4 * 4096);
  const [first] = [new ValueRoom(264).take(100)];
  expect(first?.buffer.byteLength).toBe(4 * 264);
});
