import type { ByteSource } from '../../bytes/source.ts';
import type { BadFileError } from '../../errors.ts';
import { badFile } from '../bad-file.ts';
import type { FormatName } from '../format.ts';
import { decodeUtf8 } from '../json.ts';

const FIRST_WINDOW_BYTES = 256 * 1024;
const WINDOW_GROWTH = 8;
/** Vocabularies and merges of the largest models have some 30 MB. */
const MAX_HEADER_BYTES = 256 * 1024 * 1024;

/** The window ended before the header: with more of the file it might be whole. */
class WindowEnd extends Error {}

/** Reads numbers and texts front to back, little-endian until it is told otherwise, and never past the bytes that are there. */
export class HeaderCursor {
  position = 0;
  isBigEndian = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #format: FormatName;

  constructor(bytes: Uint8Array, format: FormatName) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#format = format;
  }

  u8 = () => this.#view.getUint8(this.#advance(1));
  i8 = () => this.#view.getInt8(this.#advance(1));
  u16 = () => this.#view.getUint16(this.#advance(2), !this.isBigEndian);
  i16 = () => this.#view.getInt16(this.#advance(2), !this.isBigEndian);
  u32 = () => this.#view.getUint32(this.#advance(4), !this.isBigEndian);
  i32 = () => this.#view.getInt32(this.#advance(4), !this.isBigEndian);
  f32 = () => this.#view.getFloat32(this.#advance(4), !this.isBigEndian);
  f64 = () => this.#view.getFloat64(this.#advance(8), !this.isBigEndian);
  /** Past 2^53 not exact: such a count or length fits no file. */
  u64 = () => Number(this.#view.getBigUint64(this.#advance(8), !this.isBigEndian));
  i64 = () => Number(this.#view.getBigInt64(this.#advance(8), !this.isBigEndian));

  skip(byteLength: number): void {
    this.#advance(byteLength);
  }

  text(byteLength: number): string {
    const start = this.#advance(byteLength);
    const text = decodeUtf8(this.#bytes.subarray(start, start + byteLength));
    if (text === undefined) throw this.broken('a text must be UTF-8', start);
    return text;
  }

  broken(rule: string, position = this.position): BadFileError {
    return badFile(this.#format, rule, position);
  }

  #advance(byteLength: number): number {
    const start = this.position;
    if (byteLength > this.#bytes.byteLength - start) throw new WindowEnd();
    this.position = start + byteLength;
    return start;
  }
}

/**
 * Parses a header of unknown length at the beginning of a file.
 *
 * @throws BadFileError what `parse` throws, or that the header does not end within the file.
 */
export async function readHeader<T>(
  source: ByteSource,
  format: FormatName,
  parse: (cursor: HeaderCursor) => T,
): Promise<T> {
  const limit = Math.min(source.byteLength, MAX_HEADER_BYTES);
  for (let window = Math.min(FIRST_WINDOW_BYTES, limit); ; window = Math.min(window * WINDOW_GROWTH, limit)) {
    try {
      return parse(new HeaderCursor(await source.read(0, window), format));
    } catch (error) {
      if (!(error instanceof WindowEnd)) throw error;
      if (window === limit) throw badFile(format, endRule(source.byteLength), window);
    }
  }
}

function endRule(fileByteLength: number): string {
  return fileByteLength > MAX_HEADER_BYTES
    ? `the header must not be over ${MAX_HEADER_BYTES} bytes`
    : 'the header must end before the file does';
}
