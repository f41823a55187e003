import { CompressionFault, type Output } from './output.ts';

/** How literals are coded: `lc`, `lp`, `pb` of the specification. */
export interface LzmaProperties {
  readonly literalContextBits: number;
  readonly literalPositionBits: number;
  readonly positionBits: number;
}

/** Reads the byte that holds all three. @throws CompressionFault */
export function parseLzmaProperties(byte: number): LzmaProperties {
  if (byte >= 9 * 5 * 5) throw new CompressionFault('the properties of lzma must be below 225');
  const rest = Math.floor(byte / 9);
  return { literalContextBits: byte % 9, literalPositionBits: rest % 5, positionBits: Math.floor(rest / 5) };
}

const HALF = 1024;
const STATES = 12;
const POSITION_STATES = 16;
const LENGTH_STATES = 4;
const END_POSITION_MODEL = 14;
const MIN_MATCH = 2;

const probabilities = (count: number): Uint16Array => new Uint16Array(count).fill(HALF);

/** The arithmetic decoder: a range and a code below it (LZMA specification, "Range Decoder"). */
class RangeDecoder {
  readonly #bytes: Uint8Array;
  position: number;
  #range = 0xffffffff;
  #code = 0;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.position = start;
    if (this.#next() !== 0) throw new CompressionFault('lzma must begin with a zero');
    for (let i = 0; i < 4; i += 1) this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  /** True when nothing is left in the code: what a whole stream ends with. */
  get isDone(): boolean {
    return this.#code === 0;
  }

  #next(): number {
    const byte = this.#bytes[this.position];
    if (byte === undefined) throw new CompressionFault('the compressed bytes must not end early');
    this.position += 1;
    return byte;
  }

  #normalize(): void {
    if (this.#range >= 0x1000000) return;
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#next()) >>> 0;
  }

  bit(model: Uint16Array, index: number): 0 | 1 {
    const probability = model[index] ?? HALF;
    const bound = Math.imul(this.#range >>> 11, probability) >>> 0;
    const isZero = this.#code < bound;
    if (isZero) {
      model[index] = probability + ((2048 - probability) >> 5);
      this.#range = bound;
    } else {
      model[index] = probability - (probability >> 5);
      this.#code -= bound;
      this.#range -= bound;
    }
    this.#normalize();
    return isZero ? 0 : 1;
  }

  /** Bits of even chance. */
  direct(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) {
      this.#range >>>= 1;
      const isOne = this.#code >= this.#range;
      if (isOne) this.#code -= this.#range;
      this.#normalize();
      value = value * 2 + Number(isOne);
    }
    return value;
  }

  /** The highest bit first. */
  tree(model: Uint16Array, offset: number, bits: number): number {
    let node = 1;
    for (let i = 0; i < bits; i += 1) node = node * 2 + this.bit(model, offset + node);
    return node - (1 << bits);
  }

  /** The lowest bit first. */
  reverseTree(model: Uint16Array, offset: number, bits: number): number {
    let node = 1;
    let value = 0;
    for (let i = 0; i < bits; i += 1) {
      const bit = this.bit(model, offset + node);
      node = node * 2 + bit;
      value += bit * 2 ** i;
    }
    return value;
  }
}

/** Lengths of matches: short ones by position, middle ones, long ones. */
class LengthModel {
  readonly #choice = probabilities(2);
  readonly #low = probabilities(POSITION_STATES * 8);
  readonly #middle = probabilities(POSITION_STATES * 8);
  readonly #high = probabilities(256);

  decode(range: RangeDecoder, positionState: number): number {
    if (range.bit(this.#choice, 0) === 0) return range.tree(this.#low, positionState * 8, 3);
    if (range.bit(this.#choice, 1) === 0) return 8 + range.tree(this.#middle, positionState * 8, 3);
    return 16 + range.tree(this.#high, 0, 8);
  }
}

/** The decoder of LZMA; in LZMA2 its models and its state live on from one chunk to the next. */
export class LzmaDecoder {
  readonly #properties: LzmaProperties;
  readonly #literals: Uint16Array;
  readonly #isMatch = probabilities(STATES * POSITION_STATES);
  readonly #isRepeat = probabilities(STATES);
  readonly #isRepeat0 = probabilities(STATES);
  readonly #isRepeat1 = probabilities(STATES);
  readonly #isRepeat2 = probabilities(STATES);
  readonly #isLongRepeat0 = probabilities(STATES * POSITION_STATES);
  readonly #slots = probabilities(LENGTH_STATES * 64);
  readonly #near = probabilities(128);
  readonly #align = probabilities(16);
  readonly #lengths = new LengthModel();
  readonly #repeatLengths = new LengthModel();
  #state = 0;
  /** Distances of the last four matches, less one. */
  #recent: [number, number, number, number] = [0, 0, 0, 0];

  constructor(properties: LzmaProperties) {
    this.#properties = properties;
    this.#literals = probabilities(0x300 << (properties.literalContextBits + properties.literalPositionBits));
  }

  /**
   * Decodes until `end` bytes are written in all, or to the mark that ends a stream.
   *
   * @param start where the dictionary begins in the output: no match reaches before it
   * @param end `Infinity` where only a mark ends the stream
   * @returns where the compressed bytes end, and whether a mark ended them
   * @throws CompressionFault
   */
  decode(bytes: Uint8Array, position: number, output: Output, start: number, end: number) {
    const range = new RangeDecoder(bytes, position);
    while (output.length < end) {
      if (this.#step(range, output, start, end))
        return { position: range.position, isMarked: true, isDone: range.isDone };
    }
    return { position: range.position, isMarked: false, isDone: range.isDone };
  }

  /** Decodes one literal or match; true at the end mark. */
  #step(range: RangeDecoder, output: Output, start: number, end: number): boolean {
    const positionState = (output.length - start) & ((1 << this.#properties.positionBits) - 1);
    const state = this.#state;
    if (range.bit(this.#isMatch, state * POSITION_STATES + positionState) === 0) {
      this.#literal(range, output, start);
      return false;
    }
    const length =
      range.bit(this.#isRepeat, state) === 0 ? this.#match(range, positionState) : this.#repeat(range, positionState);
    const distance = this.#recent[0] + 1;
    if (distance === 2 ** 32) return true;
    if (distance > output.length - start) throw new CompressionFault('a match must point to what was written');
    if (output.length + length > end) throw new CompressionFault('a match must end inside its stream');
    output.repeat(distance, length);
    return false;
  }

  #literal(range: RangeDecoder, output: Output, start: number): void {
    const { literalContextBits, literalPositionBits } = this.#properties;
    const before = output.length === start ? 0 : output.back(1);
    const low = (output.length - start) & ((1 << literalPositionBits) - 1);
    const offset = 0x300 * ((low << literalContextBits) + (before >> (8 - literalContextBits)));
    let node = 1;
    if (this.#state >= 7) {
      let match = output.back(this.#recent[0] + 1);
      while (node < 0x100) {
        const expected = (match >> 7) & 1;
        match <<= 1;
        const bit = range.bit(this.#literals, offset + ((1 + expected) << 8) + node);
        node = node * 2 + bit;
        if (bit !== expected) break;
      }
    }
    while (node < 0x100) node = node * 2 + range.bit(this.#literals, offset + node);
    output.push(node & 0xff);
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #match(range: RangeDecoder, positionState: number): number {
    const length = this.#lengths.decode(range, positionState);
    this.#state = this.#state < 7 ? 7 : 10;
    const [a, b, c] = this.#recent;
    this.#recent = [this.#distance(range, Math.min(length, LENGTH_STATES - 1)), a, b, c];
    return length + MIN_MATCH;
  }

  #distance(range: RangeDecoder, lengthState: number): number {
    const slot = range.tree(this.#slots, lengthState * 64, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const base = (2 + (slot & 1)) * 2 ** bits;
    if (slot < END_POSITION_MODEL) return base + range.reverseTree(this.#near, base - slot, bits);
    return base + range.direct(bits - 4) * 16 + range.reverseTree(this.#align, 0, 4);
  }

  #repeat(range: RangeDecoder, positionState: number): number {
    const state = this.#state;
    const [a, b, c, d] = this.#recent;
    if (range.bit(this.#isRepeat0, state) === 0) {
      if (range.bit(this.#isLongRepeat0, state * POSITION_STATES + positionState) === 0) {
        this.#state = state < 7 ? 9 : 11;
        return 1;
      }
    } else if (range.bit(this.#isRepeat1, state) === 0) this.#recent = [b, a, c, d];
    else if (range.bit(this.#isRepeat2, state) === 0) this.#recent = [c, a, b, d];
    else this.#recent = [d, a, b, c];
    this.#state = state < 7 ? 8 : 11;
    return this.#repeatLengths.decode(range, positionState) + MIN_MATCH;
  }
}
