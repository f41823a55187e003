import { elementCount } from '../../tensors/dtype.ts';
import { type ElementType, findElementType, storedByteLength } from './element-types.ts';
import type { HeaderCursor } from './header-cursor.ts';

/** One tensor as the header states it; `offset` counts from the first byte of the data. */
export interface HeaderTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly offset: number;
  readonly byteLength: number;
  /** Where the header speaks of it, for errors. */
  readonly statedAt: number;
}

/** A header, its parts checked one by one; where the tensors lie is not. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, string | number | boolean>;
  readonly tensors: readonly HeaderTensor[];
  readonly alignment: number;
  readonly isBigEndian: boolean;
  /** Where the header ends, before padding. */
  readonly byteLength: number;
}

const MAGIC = 'GGUF';
const DEFAULT_ALIGNMENT = 32;
/** The specification's own limits. */
const MAX_KEY_BYTES = 65_535;
const MAX_AXES = 4;
/** Arrays of arrays are allowed; deeper ones are attacks on the stack. */
const MAX_ARRAY_DEPTH = 8;
const STRING = 8;
const ARRAY = 9;

/** Metadata types that are numbers, with their bytes (GGUF specification, `gguf_metadata_value_type`). */
const SCALARS: ReadonlyMap<number, readonly [number, (cursor: HeaderCursor) => number | boolean]> = new Map([
  [0, [1, (cursor) => cursor.u8()]],
  [1, [1, (cursor) => cursor.i8()]],
  [2, [2, (cursor) => cursor.u16()]],
  [3, [2, (cursor) => cursor.i16()]],
  [4, [4, (cursor) => cursor.u32()]],
  [5, [4, (cursor) => cursor.i32()]],
  [6, [4, (cursor) => cursor.f32()]],
  [7, [1, readBoolean]],
  [10, [8, (cursor) => cursor.u64()]],
  [11, [8, (cursor) => cursor.i64()]],
  [12, [8, (cursor) => cursor.f64()]],
]);

function readBoolean(cursor: HeaderCursor): boolean {
  const byte = cursor.u8();
  if (byte > 1) throw cursor.broken('a truth value must be 0 or 1', cursor.position - 1);
  return byte === 1;
}

/** Version 1 had counts and lengths of four bytes. */
function readCount(cursor: HeaderCursor, version: number): number {
  return version === 1 ? cursor.u32() : cursor.u64();
}

function readVersion(cursor: HeaderCursor): number {
  if (cursor.text(4) !== MAGIC) throw cursor.broken(`the magic must be "${MAGIC}"`, 0);
  const stated = cursor.u32();
  // The magic is the same in both orders: the version tells which one a file has.
  cursor.isBigEndian = stated !== 0 && stated % 0x1000000 === 0;
  const version = cursor.isBigEndian ? stated / 0x1000000 : stated;
  if (version >= 1 && version <= 3) return version;
  throw cursor.broken('the version must be 1, 2 or 3', 4);
}

function readText(cursor: HeaderCursor, version: number, limit: number): string {
  const start = cursor.position;
  const byteLength = readCount(cursor, version);
  if (byteLength > limit) throw cursor.broken(`a name must not be over ${limit} bytes`, start);
  return cursor.text(byteLength);
}

/** Arrays are vocabularies and the like: passed over, not kept. */
function skipArray(cursor: HeaderCursor, version: number, depth: number): void {
  const start = cursor.position;
  const type = cursor.u32();
  const count = readCount(cursor, version);
  const scalar = SCALARS.get(type);
  if (scalar !== undefined) {
    cursor.skip(count * scalar[0]);
    return;
  }
  if (type !== STRING && type !== ARRAY) throw cursor.broken(`metadata type ${type} must be a known one`, start);
  if (depth > MAX_ARRAY_DEPTH) throw cursor.broken(`arrays must not nest over ${MAX_ARRAY_DEPTH} levels`, start);
  for (let i = 0; i < count; i += 1) {
    if (type === STRING) cursor.skip(readCount(cursor, version));
    else skipArray(cursor, version, depth + 1);
  }
}

function readValue(cursor: HeaderCursor, version: number): string | number | boolean | undefined {
  const start = cursor.position;
  const type = cursor.u32();
  const scalar = SCALARS.get(type);
  if (scalar !== undefined) return scalar[1](cursor);
  if (type === STRING) return cursor.text(readCount(cursor, version));
  if (type !== ARRAY) throw cursor.broken(`metadata type ${type} must be a known one`, start);
  skipArray(cursor, version, 1);
  return undefined;
}

function readMetadata(cursor: HeaderCursor, version: number, count: number): GgufHeader['metadata'] {
  const metadata = new Map<string, string | number | boolean>();
  const keys = new Set<string>();
  for (let i = 0; i < count; i += 1) {
    const start = cursor.position;
    const key = readText(cursor, version, MAX_KEY_BYTES);
    if (keys.has(key)) throw cursor.broken(`the key ${JSON.stringify(key)} must not be there twice`, start);
    keys.add(key);
    const value = readValue(cursor, version);
    if (value !== undefined) metadata.set(key, value);
  }
  return metadata;
}

/** Sizes are stated from the fastest axis to the slowest: in reverse they are (out, in). */
function readShape(cursor: HeaderCursor, version: number): readonly number[] {
  const start = cursor.position;
  const axes = cursor.u32();
  if (axes > MAX_AXES) throw cursor.broken(`a tensor must not have over ${MAX_AXES} axes`, start);
  const sizes = Array.from({ length: axes }, () => readCount(cursor, version));
  const isCountable = sizes.every(Number.isSafeInteger) && Number.isSafeInteger(elementCount(sizes));
  if (!isCountable) throw cursor.broken('a shape must be countable', start);
  return sizes.reverse();
}

function readTensor(cursor: HeaderCursor, version: number): HeaderTensor {
  const statedAt = cursor.position;
  const name = readText(cursor, version, MAX_KEY_BYTES);
  const shape = readShape(cursor, version);
  const typeAt = cursor.position;
  const typeNumber = cursor.u32();
  // GGUF is younger than the last change of the blocks.
  const type = findElementType(typeNumber, 2);
  if (type === undefined) throw cursor.broken(`the element type ${typeNumber} is not supported`, typeAt);
  const byteLength = storedByteLength(type, shape);
  if (byteLength === undefined) {
    throw cursor.broken(`the rows of ${JSON.stringify(name)} must be whole blocks of its type`, statedAt);
  }
  const offset = cursor.u64();
  return { name, shape, type, offset, byteLength, statedAt };
}

function readTensors(cursor: HeaderCursor, version: number, count: number): readonly HeaderTensor[] {
  const tensors = new Map<string, HeaderTensor>();
  for (let i = 0; i < count; i += 1) {
    const tensor = readTensor(cursor, version);
    if (tensors.has(tensor.name)) {
      throw cursor.broken(`the tensor ${JSON.stringify(tensor.name)} must not be there twice`, tensor.statedAt);
    }
    tensors.set(tensor.name, tensor);
  }
  return [...tensors.values()];
}

function findAlignment(cursor: HeaderCursor, metadata: GgufHeader['metadata']): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const isPower = typeof alignment === 'number' && Number.isInteger(Math.log2(alignment)) && alignment >= 1;
  if (!isPower) throw cursor.broken('general.alignment must be a power of two');
  return alignment;
}

/**
 * Parses a GGUF header (ggml, `docs/gguf.md`), versions 1 to 3.
 *
 * @throws BadFileError one for each rule.
 */
export function parseGgufHeader(cursor: HeaderCursor): GgufHeader {
  const version = readVersion(cursor);
  const tensorCount = readCount(cursor, version);
  const metadata = readMetadata(cursor, version, readCount(cursor, version));
  const tensors = readTensors(cursor, version, tensorCount);
  const alignment = findAlignment(cursor, metadata);
  return { metadata, tensors, alignment, isBigEndian: cursor.isBigEndian, byteLength: cursor.position };
}
