import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CanonicalValue, decodeCanonical, encodeCanonical } from '../../src/objects/canonical.ts';
import { decodeWithList, encodeWithList } from '../../src/objects/canonical-list.ts';

const same = (value: CanonicalValue) => value;
const decode = (bytes: Uint8Array) => decodeWithList(bytes, 'list', () => same);
const entries = fc.array(
  fc.oneof(
    fc.integer(),
    fc.double({ noNaN: true }).filter((x) => !Object.is(x, -0)),
    fc.string({ unit: 'grapheme' }),
    fc.constant(null),
    fc.dictionary(fc.string(), fc.nat()),
  ),
  { maxLength: 40 },
);

/** What either way of decoding says. */
function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const whole = (bytes: Uint8Array) => {
  const { map, list } = decode(bytes);
  return list === undefined ? map : Object.assign(Object.create(null), map, { list });
};

describe('a map with a list', () => {
  it('is encoded as any value is, and decoded entry by entry', () => {
    const fields = fc.dictionary(fc.constantFrom('', 'a', 'lisp', 'lisu', 'z'), fc.oneof(fc.nat(), entries));
    fc.assert(
      fc.property(fields, entries, (others, list) => {
        const bytes = encodeWithList(others, 'list', list, same);
        expect(bytes).toEqual(encodeCanonical({ ...others, list }));
        expect(whole(bytes)).toEqual(decodeCanonical(bytes));
      }),
    );
  });

  it.each([0, 15, 16, 65_535, 65_536])('may have %i entries', (count) => {
    const list = Array.from({ length: count }, (_, i) => i % 7);
    const bytes = encodeWithList({ a: 1 }, 'list', list, same);
    expect(Buffer.compare(bytes, encodeCanonical({ a: 1, list }))).toBe(0);
    expect(decode(bytes)).toEqual({ map: Object.assign(Object.create(null), { a: 1, list: [] }), list });
  });

  it('may be large', () => {
    const list = Array.from({ length: 40 }, (_, i) => new Uint8Array(i * 9973).fill(i));
    const bytes = encodeWithList({}, 'list', [...list, new Uint8Array(3 << 20)], same);
    expect(Buffer.compare(bytes, encodeCanonical({ list: [...list, new Uint8Array(3 << 20)] }))).toBe(0);
  });

  it('is refused where decoding it whole refuses it: one byte changed, left out or put in', () => {
    const bytes = encodeWithList({ a: [1, 2.5], name: 'x', z: null }, 'list', [{ b: 300, c: 'y' }, [], -1, 'é'], same);
    for (let at = 0; at <= bytes.byteLength; at++) {
      for (const byte of [
        0x00,
        0x01,
        0x80,
        0x90,
        0xa1,
        0xc0,
        0xc4,
        0xcc,
        0xcd,
        0xd0,
        0xd9,
        0xdc,
        0xdd,
        0xde,
        0xff,
        at,
      ]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = byte;
        const longer = Uint8Array.from([...bytes.subarray(0, at), byte, ...bytes.subarray(at)]);
        const shorter = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]);
        for (const mutant of [changed, longer, shorter])
          expect(outcome(() => whole(mutant))).toEqual(outcome(() => decodeCanonical(mutant)));
      }
    }
  });

  it('is refused where its list has a head that is too long', () => {
    const bytes = Uint8Array.of(0x81, 0xa4, ...Buffer.from('list'), 0xdc, 0, 1, 5);
    expect(outcome(() => decode(bytes))).toBe('corrupt');
  });

  it('is given as it is where the field is no list, or not there', () => {
    for (const value of [{ list: 3 }, { a: 1 }, {}, 'list', [1]]) {
      const bytes = encodeCanonical(value);
      expect(decode(bytes)).toEqual({ map: decodeCanonical(bytes) });
    }
  });
});
