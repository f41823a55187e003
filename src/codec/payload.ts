import { CorruptError } from '../errors.ts';

/** Appends fields to a payload. */
export class PayloadWriter {
  #parts: Uint8Array[] = [];

  byte(value: number): void {
    this.#parts.push(Uint8Array.of(value));
  }

  /** Seven bits a byte, lowest first, the top bit set on all but the last (unsigned LEB128). */
  varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
    this.#parts.push(Uint8Array.from(bytes));
  }

  float32(value: number): void {
    this.#parts.push(new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(value: Uint8Array): void {
    this.#parts.push(value);
  }

  finish(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#parts));
  }
}

/** Reads a payload's fields; whatever lies beyond its end is damage. */
export class PayloadReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  byte(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw damaged('it ends too early');
    this.#offset++;
    return value;
  }

  /** Reads a number of at most `limit`, in its shortest form. */
  varint(limit: number): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte >= 128) continue;
      if (value > limit || (byte === 0 && scale > 1)) break;
      return value;
    }
    throw damaged('a count is out of range');
  }

  float32(): number {
    return new DataView(Uint8Array.from(this.bytes(4)).buffer).getFloat32(0, true);
  }

  bytes(byteLength: number): Uint8Array {
    if (byteLength > this.remaining) throw damaged('it ends too early');
    this.#offset += byteLength;
    return this.#bytes.subarray(this.#offset - byteLength, this.#offset);
  }

  /** What {@link rest} would return, which stays to be read. */
  get unread(): Uint8Array {
    return this.#bytes.subarray(this.#offset);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }
}

/** A payload that no encoder made. */
export function damaged(how: string): CorruptError {
  return new CorruptError(`the payload of a coded block is invalid, ${how}`);
}

/** Refuses a payload unless the condition holds. */
export function check(condition: boolean, how: string): asserts condition {
  if (!condition) throw damaged(how);
}
