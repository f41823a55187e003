import { pick, pickLength, type Random } from './random.ts';

/** Changes bytes without knowing what they mean. */
export type Mutator = (bytes: Uint8Array, random: Random) => Uint8Array;

const EXTREME_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

/** Texts that are bad for somebody: paths out of the folder, ends of texts, escapes of a terminal, turned writing, lone surrogates. */
export const BAD_TEXTS: readonly string[] = [
  '../../../../etc/passwd',
  '/etc/passwd',
  'C:\\windows\\system.ini',
  'a\0b',
  '\x1b[2J\x1b]0;owned\x07',
  '\x9b31m',
  '\u202eexe.pt',
  '\ufeff',
  '.weight',
  'a..weight',
  `${'a.'.repeat(3000)}weight`,
  '__proto__',
  'constructor',
  'x'.repeat(5000),
  '',
];

/** Numbers at the edges of what lengths, offsets and counts can be. */
function edgeNumbers(byteLength: number, old: bigint): readonly bigint[] {
  const powers = [7n, 8n, 15n, 16n, 24n, 31n, 32n, 40n, 52n, 53n, 62n, 63n, 64n].flatMap((power) => [
    (1n << power) - 1n,
    1n << power,
  ]);
  const size = BigInt(byteLength);
  return [0n, 1n, 2n, size - 1n, size, size + 1n, old + 1n, old - 1n, old * 2n, old + size, -old, -1n, ...powers];
}

function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = new Uint8Array(bytes);
  for (let left = 1 + random(4); left > 0; left -= 1) {
    const at = random(changed.byteLength);
    changed[at] = random(2) === 0 ? pick(random, EXTREME_BYTES) : (changed[at] ?? 0) ^ (1 << random(8));
  }
  return changed;
}

/** Sets a field of 1 to 8 bytes, in either byte order, to an edge. */
function changeNumber(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = new Uint8Array(bytes);
  const width = pick(random, [2, 4, 4, 8, 8]);
  if (changed.byteLength < width) return changeBytes(bytes, random);
  const place = random(changed.byteLength - width + 1);
  const at = random(2) === 0 ? place : place - (place % width);
  const field = changed.subarray(at, at + width);
  if (random(4) === 0) field.reverse();
  let old = 0n;
  for (let i = width - 1; i >= 0; i -= 1) old = (old << 8n) | BigInt(field[i] ?? 0);
  let value = BigInt.asUintN(width * 8, pick(random, edgeNumbers(bytes.byteLength, old)));
  for (let i = 0; i < width; i += 1, value >>= 8n) field[i] = Number(value & 0xffn);
  if (random(4) === 0) field.reverse();
  return changed;
}

function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random(bytes.byteLength));
}

/** Replaces a stretch by another: by one of the same file, by nothing, or by a bad text. */
function splice(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.byteLength + 1);
  const removed = random(2) === 0 ? 0 : pickLength(random, Math.min(64, bytes.byteLength - at));
  const from = random(bytes.byteLength);
  const inserted = [
    () => bytes.subarray(from, from + pickLength(random, 256)),
    () => new Uint8Array(0),
    () => Buffer.from(pick(random, BAD_TEXTS)),
    () => new Uint8Array(pickLength(random, 600)).fill(pick(random, [...EXTREME_BYTES, 0x28, 0x5b, 0x5d, 0x7b])),
  ];
  return Buffer.concat([bytes.subarray(0, at), pick(random, inserted)(), bytes.subarray(at + removed)]);
}

/** Copies a stretch over another of the same length: lengths stay, references move. */
function overwrite(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = new Uint8Array(bytes);
  const length = pickLength(random, Math.min(128, bytes.byteLength));
  const from = random(Math.max(1, bytes.byteLength - length));
  changed.copyWithin(random(Math.max(1, bytes.byteLength - length)), from, from + length);
  return changed;
}

const BAD_NUMBERS = [
  '-1',
  '0',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  '1e400',
  '-1e400',
  '0.5',
  '1'.repeat(400),
  'NaN',
];

/** Changes a number that is written in digits: a header in JSON, a shape in Python's syntax. */
function changeDigits(bytes: Uint8Array, random: Random): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const numbers = [...text.matchAll(/\d+/g)];
  if (numbers.length === 0) return changeNumber(bytes, random);
  const { 0: digits, index } = pick(random, numbers);
  const value =
    random(3) === 0 ? String(BigInt(digits.slice(0, 40)) + BigInt(random(9) - 4)) : pick(random, BAD_NUMBERS);
  return Buffer.from(text.slice(0, index) + value + text.slice(index + digits.length), 'latin1');
}

const MUTATORS: readonly Mutator[] = [
  changeBytes,
  changeNumber,
  changeNumber,
  changeNumber,
  truncate,
  splice,
  splice,
  overwrite,
  changeDigits,
];

/** Changes bytes in one of the ways above, now and then in two. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.byteLength === 0) return Buffer.from(pick(random, BAD_TEXTS));
  const once = pick(random, MUTATORS)(bytes, random);
  return random(4) === 0 && once.byteLength > 0 ? pick(random, MUTATORS)(once, random) : once;
}
