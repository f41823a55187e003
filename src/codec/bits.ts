import { damaged } from './payload.ts';

/** Appends numbers of few bits, lowest bit first. For tables; the loops over weights pack theirs themselves. */
export class BitWriter {
  #bytes: number[] = [];
  #fill = 0;

  bit(value: number): void {
    if (this.#fill === 0) this.#bytes.push(0);
    const last = this.#bytes.length - 1;
    this.#bytes[last] = (this.#bytes[last] ?? 0) | ((value & 1) << this.#fill);
    this.#fill = (this.#fill + 1) & 7;
  }

  bits(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.bit(value >>> i);
  }

  /** Exponential Golomb code of order 0: as many zeros as `value + 1` has bits after its first, then those bits from the top. */
  golomb(value: number): void {
    const length = 31 - Math.clz32(value + 1);
    for (let i = 0; i < length; i++) this.bit(0);
    for (let i = length; i >= 0; i--) this.bit((value + 1) >>> i);
  }

  finish(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what {@link BitWriter} wrote. */
export class BitReader {
  readonly #nextByte: () => number;
  #current = 0;
  #left = 0;

  /** @param nextByte reads the next byte or throws. */
  constructor(nextByte: () => number) {
    this.#nextByte = nextByte;
  }

  bit(): number {
    if (this.#left === 0) {
      this.#current = this.#nextByte();
      this.#left = 8;
    }
    const value = this.#current & 1;
    this.#current >>>= 1;
    this.#left--;
    return value;
  }

  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value |= this.bit() << i;
    return value;
  }

  golomb(): number {
    let length = 0;
    while (this.bit() === 0) if (++length > 16) throw damaged('a number is out of range');
    let value = 1;
    for (let i = 0; i < length; i++) value = (value << 1) | this.bit();
    return value - 1;
  }

  /** Refuses bits that are set after the last number. */
  finish(): void {
    if (this.#current !== 0) throw damaged('bits are set where none belong');
  }
}
