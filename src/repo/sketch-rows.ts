import { appendFileSync, closeSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { IS_LITTLE_ENDIAN } from '../bytes/host.ts';
import { lengthOf, type VectorRows } from '../neighbors/row-search.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import { readInto } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';

/** Id, length as a float64, checksum of the rest, padding. */
const HEAD_BYTES = 32 + 8 + 8;
const ROW_BYTES = HEAD_BYTES + 4 * SKETCH_LENGTH;
const VALUES_AT = HEAD_BYTES / 4;

/** Sketches by id, as they stand in their file. */
export interface SketchRows {
  /** Where the values of a sketch begin in `values`; undefined for one that is not in the file. */
  find(id: string): number | undefined;
  readonly values: Float32Array;
  lengthAt(start: number): number;
}

function encodeRow(id: string, vector: Float32Array): Buffer {
  const row = Buffer.alloc(ROW_BYTES);
  row.write(id, 0, 'hex');
  row.writeDoubleLE(lengthOf(vector), 32);
  if (IS_LITTLE_ENDIAN) row.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), HEAD_BYTES);
  else for (let i = 0; i < vector.length; i++) row.writeFloatLE(vector[i] ?? 0, HEAD_BYTES + 4 * i);
  row.writeUInt32LE(checksumOf(row), 40);
  return row;
}

function checksumOf(row: Uint8Array): number {
  return crc32(row.subarray(HEAD_BYTES), crc32(row.subarray(0, 40)));
}

/** Reads a file into memory of its own, so that its bytes can be seen as numbers. */
function readAligned(file: string): Buffer {
  const descriptor = openSync(file, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(descriptor).size);
    return bytes.subarray(0, readInto(descriptor, bytes, 0));
  } finally {
    closeSync(descriptor);
  }
}

function valuesOf(bytes: Buffer): Float32Array {
  const count = Math.floor(bytes.byteLength / 4);
  if (IS_LITTLE_ENDIAN) return new Float32Array(bytes.buffer, bytes.byteOffset, count);
  return Float32Array.from({ length: count }, (_, i) => bytes.readFloatLE(4 * i));
}

/** Sketches of one kind in one space, one after the other: thousands are read and searched without being decoded. Derived. */
export class SketchFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Reads the rows; those that are missing, or whose checksum is wrong, are written anew.
   *
   * @param vectorOf - gives the sketch of an id that the file has not.
   */
  open(ids: readonly string[], vectorOf: (id: string) => Float32Array): SketchRows {
    let bytes: Buffer = Buffer.alloc(0);
    deriveSync(() => {
      bytes = readAligned(this.#file);
    });
    const { starts, isDamaged } = findRows(bytes);
    const missing = ids.filter((id) => !starts.has(id));
    if (missing.length === 0) return rowsOf(bytes, starts);
    const added = missing.map((id) => encodeRow(id, vectorOf(id)));
    const kept = isDamaged ? [...starts.values()].map((start) => rowAt(bytes, start)) : [];
    if (isDamaged) replaceDerived(this.#file, [...kept, ...added]);
    else this.#append(added);
    const whole = Buffer.allocUnsafeSlow((starts.size + added.length) * ROW_BYTES);
    const all = [...[...starts.values()].map((start) => rowAt(bytes, start)), ...added];
    for (const [i, row] of all.entries()) whole.set(row, i * ROW_BYTES);
    return rowsOf(whole, findRows(whole).starts);
  }

  /**
   * Opens the file to be read row by row, for as long as `read` takes.
   *
   * @returns undefined where there is no file of whole rows.
   */
  read<T>(read: (rows: StoredRows) => T): T | undefined {
    let result: T | undefined;
    deriveSync(() => {
      const descriptor = openSync(this.#file, 'r');
      try {
        const { size } = fstatSync(descriptor);
        if (size % ROW_BYTES === 0) result = read(new StoredRows(descriptor, size / ROW_BYTES));
      } finally {
        closeSync(descriptor);
      }
    });
    return result;
  }

  /** Adds rows. */
  append(vectors: ReadonlyMap<string, Float32Array>): void {
    this.#append(Array.from(vectors, ([id, vector]) => encodeRow(id, vector)));
  }

  #append(rows: readonly Buffer[]): void {
    deriveSync(() => {
      mkdirSync(path.dirname(this.#file), { recursive: true });
      appendFileSync(this.#file, Buffer.concat(rows));
    });
  }
}

/** A row that was read; its values are valid until the next one is read. */
export interface StoredRow {
  readonly id: string;
  readonly length: number;
  readonly values: Float32Array;
}

/** The rows of a file that is open. */
export class StoredRows {
  readonly count: number;
  readonly #descriptor: number;
  readonly #bytes = Buffer.allocUnsafeSlow(ROW_BYTES);

  constructor(descriptor: number, count: number) {
    this.#descriptor = descriptor;
    this.count = count;
  }

  /** Reads a row by its place; undefined for a damaged one. */
  at(place: number): StoredRow | undefined {
    const row = this.#bytes;
    if (readInto(this.#descriptor, row, place * ROW_BYTES) < ROW_BYTES) return undefined;
    if (checksumOf(row) !== row.readUInt32LE(40)) return undefined;
    return { id: row.toString('hex', 0, 32), length: row.readDoubleLE(32), values: valuesOf(row).subarray(VALUES_AT) };
  }
}

const rowAt = (bytes: Buffer, start: number): Buffer =>
  bytes.subarray(4 * start - HEAD_BYTES, 4 * start - HEAD_BYTES + ROW_BYTES);

function findRows(bytes: Buffer): { readonly starts: ReadonlyMap<string, number>; readonly isDamaged: boolean } {
  const starts = new Map<string, number>();
  let isDamaged = bytes.byteLength % ROW_BYTES !== 0;
  for (let at = 0; at + ROW_BYTES <= bytes.byteLength; at += ROW_BYTES) {
    const row = bytes.subarray(at, at + ROW_BYTES);
    if (checksumOf(row) === row.readUInt32LE(40)) starts.set(row.toString('hex', 0, 32), at / 4 + VALUES_AT);
    else isDamaged = true;
  }
  return { starts, isDamaged };
}

/** True for a file of whole rows and nothing else. */
export function isSketchFileWhole(bytes: Buffer): boolean {
  if (findRows(bytes).isDamaged) return false;
  for (let at = 44; at < bytes.byteLength; at += ROW_BYTES) if (bytes.readUInt32LE(at) !== 0) return false;
  return true;
}

function rowsOf(bytes: Buffer, starts: ReadonlyMap<string, number>): SketchRows {
  return {
    find: (id) => starts.get(id),
    values: valuesOf(bytes),
    lengthAt: (start) => bytes.readDoubleLE(4 * start - HEAD_BYTES + 32),
  };
}

/** The rows of these ids, in this order, for a search; those without a length are left out. */
export function selectRows(rows: SketchRows, ids: readonly string[]): VectorRows {
  const keys: string[] = [];
  const starts: number[] = [];
  const lengths: number[] = [];
  for (const id of ids) {
    const start = rows.find(id);
    const length = start === undefined ? 0 : rows.lengthAt(start);
    if (start === undefined || !(length > 0) || !Number.isFinite(length)) continue;
    keys.push(id);
    starts.push(start);
    lengths.push(length);
  }
  return { values: rows.values, keys, starts, lengths };
}
