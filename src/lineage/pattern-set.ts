const EMPTY = 0;

/** Multiplier of Knuth's multiplicative hashing (The Art of Computer Programming, 6.4). */
const SPREAD = 0x9e3779b1;

/** Distinct bit patterns other than 0, and how often each was added, up to twice: a table of plain numbers, which takes no memory per entry. */
export class PatternSet {
  readonly #keys: Uint32Array;
  readonly #isRepeated: Uint8Array;
  readonly #shift: number;
  #size = 0;

  /** @param most patterns that are added at most. */
  constructor(most: number) {
    const bits = Math.max(4, 33 - Math.clz32(Math.max(most - 1, 0)));
    this.#keys = new Uint32Array(2 ** bits);
    this.#isRepeated = new Uint8Array(2 ** bits);
    this.#shift = 32 - bits;
  }

  /** Patterns that were added at least once. */
  get size(): number {
    return this.#size;
  }

  /** @param pattern a 32-bit number other than 0. */
  add(pattern: number): void {
    const place = this.#placeOf(pattern);
    if (this.#keys[place] === EMPTY) {
      this.#keys[place] = pattern;
      this.#size += 1;
    } else this.#isRepeated[place] = 1;
  }

  /** True for a pattern that was added once and not again. */
  hasOnce(pattern: number): boolean {
    const place = this.#placeOf(pattern);
    return this.#keys[place] !== EMPTY && this.#isRepeated[place] === 0;
  }

  /** How many patterns both hold exactly once. */
  countCommon(other: PatternSet): number {
    let common = 0;
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i] ?? EMPTY;
      if (key !== EMPTY && this.#isRepeated[i] === 0 && other.hasOnce(key)) common++;
    }
    return common;
  }

  /** Where a pattern stands, or would. */
  #placeOf(pattern: number): number {
    const mask = this.#keys.length - 1;
    let place = Math.imul(pattern, SPREAD) >>> this.#shift;
    for (;;) {
      const key = this.#keys[place] ?? EMPTY;
      if (key === EMPTY || key === pattern >>> 0) return place;
      place = (place + 1) & mask;
    }
  }
}
