import { IS_LITTLE_ENDIAN } from '../bytes/host.ts';
import { CorruptError } from '../errors.ts';

/** Room that a writer begins with, in bytes. */
const FIRST_ROOM = 1 << 14;

/** More bytes than this are not copied once more. */
const LARGE = 1 << 20;

/** Writes numbers and bytes one after the other, little-endian, without names. */
export class ByteWriter {
  #bytes = new Uint8Array(FIRST_ROOM);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;

  /** Makes room; returns where it begins. */
  #grow(byteLength: number): number {
    const start = this.#end;
    this.#end += byteLength;
    if (this.#end <= this.#bytes.byteLength) return start;
    const larger = new Uint8Array(Math.max(this.#end, 2 * this.#bytes.byteLength));
    larger.set(this.#bytes.subarray(0, start));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
    return start;
  }

  bytes(bytes: Uint8Array): void {
    const start = this.#grow(bytes.byteLength);
    this.#bytes.set(bytes, start);
  }

  /** A float64. */
  number(value: number): void {
    const start = this.#grow(8);
    this.#view.setFloat64(start, value, true);
  }

  floats(values: Float32Array): void {
    if (IS_LITTLE_ENDIAN) {
      this.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return;
    }
    const start = this.#grow(4 * values.length);
    for (let i = 0; i < values.length; i++) this.#view.setFloat32(start + 4 * i, values[i] ?? 0, true);
  }

  /** A bit a value (the lowest bit of a byte first), then the values whose bits are not all zero. */
  sparseFloats(values: Float32Array): void {
    const bits = new Uint8Array(Math.ceil(values.length / 8));
    const kept = new Float32Array(values.length);
    let count = 0;
    for (let i = 0; i < values.length; i++) {
      const value = values[i] ?? 0;
      if (value === 0 && Object.is(value, 0)) continue;
      bits[i >> 3] = (bits[i >> 3] ?? 0) | (1 << (i & 7));
      kept[count++] = value;
    }
    this.bytes(bits);
    this.floats(kept.subarray(0, count));
  }

  /** All that was written; much of it without a copy, with the room that was left behind it. */
  finish(): Uint8Array {
    return this.#end > LARGE ? this.#bytes.subarray(0, this.#end) : this.#bytes.slice(0, this.#end);
  }
}

/** Reads what a {@link ByteWriter} wrote. @throws CorruptError past the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  #take(byteLength: number): number {
    const start = this.#at;
    const isInside = Number.isInteger(byteLength) && byteLength >= 0 && start + byteLength <= this.#bytes.byteLength;
    if (!isInside) throw new CorruptError('a summary ends too early');
    this.#at += byteLength;
    return start;
  }

  bytes(byteLength: number): Uint8Array {
    const start = this.#take(byteLength);
    return this.#bytes.subarray(start, this.#at);
  }

  number(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  floats(count: number): Float32Array {
    const start = this.#take(4 * count);
    const values = new Float32Array(count);
    if (IS_LITTLE_ENDIAN) {
      // The machine has the file's own order: thousands of sketches are copied as they stand.
      new Uint8Array(values.buffer).set(this.#bytes.subarray(start, this.#at));
      return values;
    }
    for (let i = 0; i < count; i += 1) values[i] = this.#view.getFloat32(start + 4 * i, true);
    return values;
  }

  /** As {@link ByteWriter.sparseFloats} writes them. @throws CorruptError for a value that need not be there */
  sparseFloats(count: number): Float32Array {
    const bits = this.bytes(Math.ceil(count / 8));
    const values = new Float32Array(count);
    for (let at = 0; at < bits.length; at++) {
      for (let byte = bits[at] ?? 0; byte !== 0; byte &= byte - 1) {
        const i = 8 * at + (31 - Math.clz32(byte & -byte));
        const value = this.#view.getFloat32(this.#take(4), true);
        if (i >= count || Object.is(value, 0)) throw new CorruptError('a summary holds a value that need not be there');
        values[i] = value;
      }
    }
    return values;
  }

  /** Refuses a count of records that cannot be there, before room is made for them. */
  checkCount(count: number, byteLength: number): number {
    if (count * byteLength > this.#bytes.byteLength - this.#at) throw new CorruptError('a summary ends too early');
    return count;
  }

  /** @throws CorruptError when bytes are left. */
  end(): void {
    if (this.#at !== this.#bytes.byteLength) throw new CorruptError('bytes follow a summary');
  }
}
