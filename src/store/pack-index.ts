import { crc32 } from 'node:zlib';
import { fromHex } from '../bytes/hex.ts';
import { CorruptError } from '../errors.ts';
import { type BlobId, blobIdOf } from '../objects/ids.ts';
import { blockTypeOf, HEADER_BYTES, type PackRow, type PackTrailer, ROW_BYTES } from './pack-format.ts';

const ID_BYTES = 32;

function decodeRow(bytes: Uint8Array, view: DataView, at: number): PackRow {
  return {
    id: blobIdOf(bytes.subarray(at, at + ID_BYTES)),
    offset: Number(view.getBigUint64(at + 32, true)),
    recordByteLength: view.getUint32(at + 40, true),
    byteLength: view.getUint32(at + 44, true),
    restoreByteLength: view.getUint32(at + 48, true),
    codec: view.getUint8(at + 52),
    type: blockTypeOf(view.getUint8(at + 53)),
    depth: view.getUint8(at + 54),
    ancestors: view.getUint8(at + 55),
  };
}

/** Compares 32 bytes as numbers, without calling out for each of hundred thousands: almost always the first four decide. */
function compareIds(a: DataView, atA: number, b: DataView, atB: number): number {
  for (let k = 0; k < ID_BYTES; k += 4) {
    const difference = a.getUint32(atA + k) - b.getUint32(atB + k);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * The index of a pack as it stands in the file, sorted by id. A row is decoded when it is asked for: a repository has hundred thousands, of
 * which a question needs a few hundred.
 */
export class PackIndex {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #rows: readonly PackRow[] | undefined;

  /**
   * Takes up an index and checks it: sorted by id without repetition, every record between header and index.
   *
   * @throws CorruptError; WsvcError `format-version` when a row is of a newer wsvc.
   */
  constructor(bytes: Uint8Array, trailer: PackTrailer) {
    if (crc32(bytes) !== trailer.indexCrc) throw new CorruptError("a pack's index does not match its checksum");
    this.count = trailer.count;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < this.count; i++) this.#check(i, trailer);
  }

  #check(i: number, { indexOffset }: PackTrailer): void {
    const at = i * ROW_BYTES;
    const [low, high] = [this.#view.getUint32(at + 32, true), this.#view.getUint32(at + 36, true)];
    const offset = high * 2 ** 32 + low;
    const isInside = offset >= HEADER_BYTES && offset + this.#view.getUint32(at + 40, true) <= indexOffset;
    if (!isInside) throw new CorruptError("a pack's index points outside its records");
    if (i > 0 && compareIds(this.#view, at - ROW_BYTES, this.#view, at) >= 0)
      throw new CorruptError("a pack's index is not sorted");
    blockTypeOf(this.#view.getUint8(at + 53));
  }

  #rowAt(i: number): PackRow {
    return decodeRow(this.#bytes, this.#view, i * ROW_BYTES);
  }

  /** All rows, by id. */
  get rows(): readonly PackRow[] {
    this.#rows ??= Array.from({ length: this.count }, (_, i) => this.#rowAt(i));
    return this.#rows;
  }

  find(id: BlobId): PackRow | undefined {
    const wanted = fromHex(id);
    const view = new DataView(wanted.buffer, wanted.byteOffset, wanted.byteLength);
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareIds(this.#view, middle * ROW_BYTES, view, 0) < 0) low = middle + 1;
      else high = middle;
    }
    const isFound = low < this.count && compareIds(this.#view, low * ROW_BYTES, view, 0) === 0;
    return isFound ? this.#rowAt(low) : undefined;
  }
}
