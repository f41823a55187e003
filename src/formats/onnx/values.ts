import { BinaryReader } from '@bufbuild/protobuf/wire';
import { type ByteSource, CHUNK_BYTES } from '../../bytes/source.ts';
import { type DType, elementByteLength } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import type { FileRange } from '../format.ts';
import type { ElementType } from './element-types.ts';

/** Nibbles become bytes: pieces grow to twice their length. */
const NIBBLE_PIECE_BYTES = CHUNK_BYTES / 2;

/** Where a tensor's values are. */
export interface StoredValues {
  readonly name: string;
  readonly type: ElementType;
  readonly count: number;
  readonly ranges: readonly FileRange[];
  /** The ranges hold varints. */
  readonly isVarint: boolean;
}

function expandNibbles(bytes: Uint8Array, dtype: DType): Uint8Array {
  const out = new Uint8Array(bytes.byteLength * 2);
  // Shifted up and down again, a signed code of four bits becomes one of eight.
  const widen = (code: number): number => (dtype === 'i8' ? (code << 28) >> 28 : code);
  for (let i = 0; i < bytes.byteLength; i += 1) {
    const byte = bytes[i] ?? 0;
    out[2 * i] = widen(byte & 15);
    out[2 * i + 1] = widen(byte >> 4);
  }
  return out;
}

function writeVarints(reader: BinaryReader, byteLength: number, count: number): Uint8Array | undefined {
  const out = new Uint8Array(count * byteLength);
  const view = new DataView(out.buffer);
  let at = 0;
  for (; at < out.byteLength && reader.pos < reader.len; at += byteLength) {
    const value = BigInt.asUintN(64, BigInt(reader.int64()));
    if (byteLength === 8) view.setBigUint64(at, value, true);
    else if (byteLength === 4) view.setUint32(at, Number(value & 0xffff_ffffn), true);
    else if (byteLength === 2) view.setUint16(at, Number(value & 0xffffn), true);
    else view.setUint8(at, Number(value & 0xffn));
  }
  return at === out.byteLength && reader.pos === reader.len ? out : undefined;
}

async function readVarints(source: ByteSource, { name, type, count, ranges }: StoredValues): Promise<Uint8Array> {
  const [range] = ranges;
  const bytes = range === undefined ? new Uint8Array(0) : await source.read(range.offset, range.byteLength);
  const stored = type.isNibble ? Math.ceil(count / 2) : count;
  const fail = (cause?: unknown): Error =>
    badFile('onnx', `${JSON.stringify(name)} must have as many values as its shape says`, range?.offset, cause);
  // A varint has a byte at least: no more values than bytes, so nothing is allocated for a lie.
  if (stored > bytes.byteLength) throw fail();
  try {
    const values = writeVarints(new BinaryReader(bytes), elementByteLength(type.dtype), stored);
    if (values !== undefined) return values;
  } catch (error) {
    throw fail(error);
  }
  throw fail();
}

async function* splitPieces(pieces: AsyncIterable<Uint8Array>, byteLength: number): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    for (let at = 0; at < piece.byteLength; at += byteLength) yield piece.subarray(at, at + byteLength);
  }
}

async function* readNibbles(stored: AsyncIterable<Uint8Array>, values: StoredValues): AsyncIterable<Uint8Array> {
  let left = values.count;
  for await (const piece of splitPieces(stored, NIBBLE_PIECE_BYTES)) {
    // The last byte of an odd number of values holds one.
    const expanded = expandNibbles(piece, values.type.dtype).subarray(0, left);
    left -= expanded.byteLength;
    yield expanded;
  }
}

async function* storedPieces(
  files: readonly { readonly source: ByteSource }[],
  values: StoredValues,
): AsyncIterable<Uint8Array> {
  for (const { file, offset, byteLength } of values.ranges) {
    const source = files[file]?.source;
    if (source !== undefined) yield* source.stream(offset, byteLength);
  }
}

async function* varintPieces(source: ByteSource, values: StoredValues): AsyncIterable<Uint8Array> {
  yield* splitPieces(
    (async function* whole() {
      yield await readVarints(source, values);
    })(),
    CHUNK_BYTES,
  );
}

/**
 * Reads the plain bytes of a tensor that does not stand in the file as it is.
 *
 * @throws BadFileError when there are not as many values as the shape says.
 */
export function readValues(
  files: readonly { readonly source: ByteSource }[],
  primary: ByteSource,
  values: StoredValues,
): AsyncIterable<Uint8Array> {
  const stored = values.isVarint ? varintPieces(primary, values) : storedPieces(files, values);
  return values.type.isNibble ? readNibbles(stored, values) : stored;
}
