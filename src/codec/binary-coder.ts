import { check } from './payload.ts';

/**
 * A binary arithmetic coder whose probabilities learn as they go: each decision narrows the range [low, high] of 32 bits, leading bytes
 * that agree are moved out. Probabilities are binary64, changed by subtraction, multiplication and addition alone.
 */

/** The probability of 1 after n decisions moves by 1 / (n + 1.5) of its error; from here on n no longer grows. */
const LONGEST_MEMORY = 1023;
const RATES = Float64Array.from({ length: LONGEST_MEMORY + 1 }, (_, n) => 1 / (n + 1.5));
/** No decision is taken for certain. */
const LEAST = 2 ** -18;

/** Probabilities by context. */
export class Probabilities {
  readonly ones: Float64Array;
  readonly counts: Uint16Array;

  /** @param start the probability of 1 before anything was seen. */
  constructor(contexts: number, start = 0.5) {
    this.ones = new Float64Array(contexts).fill(start);
    this.counts = new Uint16Array(contexts);
  }

  learn(context: number, bit: number): void {
    const n = this.counts[context] ?? 0;
    const one = this.ones[context] ?? 0;
    const next = one + (bit - one) * (RATES[n] ?? 0);
    this.ones[context] = Math.min(Math.max(next, LEAST), 1 - LEAST);
    if (n < LONGEST_MEMORY) this.counts[context] = n + 1;
  }
}

/** Writes decisions. */
export class BinaryEncoder {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #low = 0;
  #high = 0xffffffff;

  code(bit: number, probabilities: Probabilities, context: number): void {
    this.#narrow(bit, probabilities.ones[context] ?? 0.5);
    probabilities.learn(context, bit);
  }

  /** Bits that are as likely 0 as 1, the lowest first. */
  raw(value: number, count: number): void {
    for (let i = 0; i < count; i++) this.#narrow((value >>> i) & 1, 0.5);
  }

  #narrow(bit: number, one: number): void {
    const middle = this.#low + Math.floor((this.#high - this.#low) * one);
    if (bit === 1) this.#high = middle;
    else this.#low = middle + 1;
    while (((this.#low ^ this.#high) & 0xff000000) === 0) {
      this.#push(this.#high >>> 24);
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
    }
  }

  #push(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const longer = new Uint8Array(2 * this.#length);
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    this.#bytes[this.#length++] = byte;
  }

  finish(): Uint8Array {
    for (let shift = 24; shift >= 0; shift -= 8) this.#push((this.#low >>> shift) & 255);
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads what {@link BinaryEncoder} wrote. */
export class BinaryDecoder {
  readonly #bytes: Uint8Array;
  #position = 4;
  #low = 0;
  #high = 0xffffffff;
  #code: number;

  constructor(bytes: Uint8Array) {
    check(bytes.length >= 4, 'it ends too early');
    this.#bytes = bytes;
    this.#code = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  }

  decode(probabilities: Probabilities, context: number): number {
    const bit = this.#narrow(probabilities.ones[context] ?? 0.5);
    probabilities.learn(context, bit);
    return bit;
  }

  raw(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value |= this.#narrow(0.5) << i;
    return value;
  }

  #narrow(one: number): number {
    const middle = this.#low + Math.floor((this.#high - this.#low) * one);
    const bit = this.#code <= middle ? 1 : 0;
    if (bit === 1) this.#high = middle;
    else this.#low = middle + 1;
    while (((this.#low ^ this.#high) & 0xff000000) === 0) {
      this.#low = (this.#low << 8) >>> 0;
      this.#high = ((this.#high << 8) | 255) >>> 0;
      this.#code = ((this.#code << 8) | (this.#bytes[this.#position] ?? 0)) >>> 0;
      this.#position++;
    }
    return bit;
  }

  /** Refuses bytes that are missing or left. */
  finish(): void {
    check(this.#position === this.#bytes.length, 'the coded decisions have another length');
  }
}
