import { BadFileError } from '../../errors.ts';

const NEWLINE = 10;

/** Reads a byte array front to back and never past its end; errors name the offset in the file. */
export class Cursor {
  readonly bytes: Uint8Array;
  position: number;
  readonly #view: DataView;
  readonly #fileOffset: number;

  /** @param fileOffset where `bytes` starts in the file, for error messages. */
  constructor(bytes: Uint8Array, position: number, fileOffset: number) {
    this.bytes = bytes;
    this.position = position;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fileOffset = fileOffset;
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  i32(): number {
    return this.#view.getInt32(this.#advance(4), true);
  }

  /** A length of eight bytes; what does not fit the input is refused by the read that follows. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#advance(8), true));
  }

  /** Protocol 1 and later write floats big-endian. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8), false);
  }

  /** A view of the next bytes, not a copy. */
  take(byteLength: number): Uint8Array {
    const start = this.#advance(byteLength);
    return this.bytes.subarray(start, start + byteLength);
  }

  /** The text up to a newline, byte by byte (Latin-1), which is left out. */
  line(): string {
    const end = this.bytes.indexOf(NEWLINE, this.position);
    if (end < 0) throw this.truncated();
    const text = Buffer.from(this.bytes.subarray(this.position, end)).toString('latin1');
    this.position = end + 1;
    return text;
  }

  broken(rule: string, position = this.position): BadFileError {
    return new BadFileError({ format: 'pickle', rule, byteOffset: this.#fileOffset + position });
  }

  truncated(): BadFileError {
    return new TruncatedPickleError(this.#fileOffset + this.bytes.byteLength);
  }

  #advance(byteLength: number): number {
    const start = this.position;
    if (byteLength < 0) throw this.broken('a length must not be negative');
    if (byteLength > this.bytes.byteLength - start) throw this.truncated();
    this.position = start + byteLength;
    return start;
  }
}

/** The bytes end before the pickle does: with more of the file it might be whole. */
export class TruncatedPickleError extends BadFileError {
  constructor(byteOffset: number) {
    super({ format: 'pickle', rule: 'the pickle must end before its bytes do', byteOffset });
  }
}
