/** Thrown where compressed bytes break a rule of their format; `rule` is a clause. */
export class CompressionFault extends Error {
  override readonly name = 'CompressionFault';
  readonly rule: string;

  constructor(rule: string) {
    super(rule);
    this.rule = rule;
  }
}

const FIRST_BYTES = 64 * 1024;

/** What a decoder has written: it grows with what comes out, never by what a header claims, and only up to a limit. */
export class Output {
  readonly #limit: number;
  #bytes: Uint8Array;
  length = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#bytes = new Uint8Array(Math.min(limit, FIRST_BYTES));
  }

  /** @throws CompressionFault when there would be more than the limit. */
  #makeRoom(byteLength: number): void {
    const needed = this.length + byteLength;
    if (needed > this.#limit) throw new CompressionFault(`it must not inflate to over ${this.#limit} bytes`);
    if (needed <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * this.#bytes.byteLength)));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  push(byte: number): void {
    if (this.length === this.#bytes.byteLength) this.#makeRoom(1);
    this.#bytes[this.length] = byte;
    this.length += 1;
  }

  append(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.byteLength;
  }

  /** The byte that stands so far back; 0 before the beginning. */
  back(distance: number): number {
    return this.#bytes[this.length - distance] ?? 0;
  }

  /** Writes again what stands `distance` back; the stretches may overlap. */
  repeat(distance: number, byteLength: number): void {
    if (distance < 1 || distance > this.length) throw new CompressionFault('a match must point to what was written');
    this.#makeRoom(byteLength);
    const bytes = this.#bytes;
    let to = this.length;
    for (const end = to + byteLength; to < end; to += 1) bytes[to] = bytes[to - distance] ?? 0;
    this.length = to;
  }

  /** All that was written from `start` on. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.length);
  }
}
