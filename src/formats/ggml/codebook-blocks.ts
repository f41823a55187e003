import { type BlockType, readHalf, round } from './block-type.ts';
import {
  type Codebook,
  IQ1_BOOK,
  IQ2_S_BOOK,
  IQ2_XS_BOOK,
  IQ2_XXS_BOOK,
  IQ3_S_BOOK,
  IQ3_XXS_BOOK,
} from './codebooks.ts';

/** Elements of a super-block, in 32 octets; four octets are a part. */
const ELEMENTS = 256;
const OCTETS = 32;
/** What IQ1 adds to the values of its codebook, or takes away. */
const IQ1_DELTA = 0.125;

/** One octet: which entries it has (one of eight values, or two of four), what they are multiplied with, and whose signs are turned. */
interface Octet {
  readonly entries: readonly number[];
  readonly scale: number;
  /** Bit i: the sign of value i. */
  readonly signs?: number;
  /** Added to every value before it is multiplied. */
  readonly delta?: number;
}

/** Reads octet `n` of the block at `bytes[at]`. */
type ReadOctet = (bytes: Uint8Array, at: number, n: number) => Octet;

function writeOctet(out: Float32Array, to: number, { width, values }: Codebook, octet: Octet): void {
  const { entries, scale, signs = 0, delta = 0 } = octet;
  for (let i = 0; i < 8; i += 1) {
    const entry = entries[width === 8 ? 0 : i >> 2] ?? 0;
    const value = scale * ((values[entry * width + (i % width)] ?? 0) + delta);
    out[to + i] = ((signs >> i) & 1) === 1 ? -value : value;
  }
}

function byCodebook(name: string, byteLength: number, book: () => Codebook, read: ReadOctet): BlockType {
  return {
    name,
    elements: ELEMENTS,
    byteLength,
    decode(bytes, at, out, to) {
      for (let n = 0; n < OCTETS; n += 1) writeOctet(out, to + 8 * n, book(), read(bytes, at, n));
    },
  };
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}

function u32(bytes: Uint8Array, at: number): number {
  return (u16(bytes, at) | (u16(bytes, at + 2) << 16)) >>> 0;
}

/** Nibble `n` of the bytes from `at` on, the lower first. */
function nibble(bytes: Uint8Array, at: number, n: number): number {
  return ((bytes[at + (n >> 1)] ?? 0) >> (4 * (n & 1))) & 15;
}

/** Seven signs; the eighth makes the number of turned ones even (`ksigns_iq2xs`). */
function evenSigns(seven: number): number {
  let parity = seven;
  parity ^= parity >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return seven | ((parity & 1) << 7);
}

/** The 32 bits that hold four times seven signs, and above them the scale of the part. */
function signsOf(word: number, n: number): number {
  return evenSigns((word >>> (7 * (n & 3))) & 127);
}

const IQ2_XXS = byCodebook('IQ2_XXS', 66, IQ2_XXS_BOOK, (bytes, at, n) => {
  const part = at + 2 + 8 * (n >> 2);
  const word = u32(bytes, part + 4);
  const scale = round(round(readHalf(bytes, at) * (0.5 + (word >>> 28))) * 0.25);
  return { entries: [bytes[part + (n & 3)] ?? 0], scale, signs: signsOf(word, n) };
});

const IQ2_XS = byCodebook('IQ2_XS', 74, IQ2_XS_BOOK, (bytes, at, n) => {
  const word = u16(bytes, at + 2 + 2 * n);
  const scale = round(round(readHalf(bytes, at) * (0.5 + nibble(bytes, at + 66, n >> 1))) * 0.25);
  return { entries: [word & 511], scale, signs: evenSigns(word >> 9) };
});

const IQ2_S = byCodebook('IQ2_S', 82, IQ2_S_BOOK, (bytes, at, n) => {
  const high = ((bytes[at + 66 + (n >> 2)] ?? 0) >> (2 * (n & 3))) & 3;
  const scale = round(round(readHalf(bytes, at) * (0.5 + nibble(bytes, at + 74, n >> 1))) * 0.25);
  return { entries: [(bytes[at + 2 + n] ?? 0) | (high << 8)], scale, signs: bytes[at + 34 + n] ?? 0 };
});

const IQ3_XXS = byCodebook('IQ3_XXS', 98, IQ3_XXS_BOOK, (bytes, at, n) => {
  const word = u32(bytes, at + 66 + 4 * (n >> 2));
  const scale = round(round(readHalf(bytes, at) * (0.5 + (word >>> 28))) * 0.5);
  return { entries: [bytes[at + 2 + 2 * n] ?? 0, bytes[at + 3 + 2 * n] ?? 0], scale, signs: signsOf(word, n) };
});

const IQ3_S = byCodebook('IQ3_S', 110, IQ3_S_BOOK, (bytes, at, n) => {
  const scale = round(readHalf(bytes, at) * (1 + 2 * nibble(bytes, at + 106, n >> 2)));
  const entry = (i: number): number => {
    const high = ((bytes[at + 66 + (i >> 3)] ?? 0) >> (i & 7)) & 1;
    return (bytes[at + 2 + i] ?? 0) | (high << 8);
  };
  return { entries: [entry(2 * n), entry(2 * n + 1)], scale, signs: bytes[at + 74 + n] ?? 0 };
});

const IQ1_S = byCodebook('IQ1_S', 50, IQ1_BOOK, (bytes, at, n) => {
  const word = u16(bytes, at + 34 + 2 * (n >> 2));
  const high = (word >> (3 * (n & 3))) & 7;
  const scale = round(readHalf(bytes, at) * (2 * ((word >> 12) & 7) + 1));
  return {
    entries: [(bytes[at + 2 + n] ?? 0) | (high << 8)],
    scale,
    delta: word >= 0x8000 ? -IQ1_DELTA : IQ1_DELTA,
  };
});

const scattered = new Uint8Array(2);

/** The scale of an IQ1_M block: four bits of it stand above the small scales of each of the four words. */
function scatteredHalf(bytes: Uint8Array, at: number): number {
  scattered[0] = ((bytes[at + 1] ?? 0) >> 4) | ((bytes[at + 3] ?? 0) & 0xf0);
  scattered[1] = ((bytes[at + 5] ?? 0) >> 4) | ((bytes[at + 7] ?? 0) & 0xf0);
  return readHalf(scattered, 0);
}

const IQ1_M = byCodebook('IQ1_M', 56, IQ1_BOOK, (bytes, at, n) => {
  const high = nibble(bytes, at + 32, n);
  const small = (u16(bytes, at + 48 + 2 * (n >> 3)) >> (3 * ((n >> 1) & 3))) & 7;
  return {
    entries: [(bytes[at + n] ?? 0) | ((high & 7) << 8)],
    scale: round(scatteredHalf(bytes, at + 48) * (2 * small + 1)),
    delta: high >= 8 ? -IQ1_DELTA : IQ1_DELTA,
  };
});

/** The blocks whose codes are indices of codebooks, by ggml's type number. */
export const CODEBOOK_BLOCKS: ReadonlyMap<number, BlockType> = new Map([
  [16, IQ2_XXS],
  [17, IQ2_XS],
  [18, IQ3_XXS],
  [19, IQ1_S],
  [21, IQ3_S],
  [22, IQ2_S],
  [29, IQ1_M],
]);
