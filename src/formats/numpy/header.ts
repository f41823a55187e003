import type { BadFileError } from '../../errors.ts';
import { elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import type { FormatName } from '../format.ts';
import { isShape } from '../json.ts';
import { type ArrayType, parseArrayType } from './array-type.ts';
import { type Literal, parseLiteral } from './literal.ts';

export const MAGIC = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** Magic, version, and the shorter of the two lengths. */
const SHORT_PREFIX_BYTES = 10;
const LONG_PREFIX_BYTES = 12;
/** All that version 1 can state; only structured types need more. */
const MAX_HEADER_BYTES = 65_535;
/** NumPy's own limit (NPY_MAXDIMS of NumPy 2). */
const MAX_AXES = 64;

/** One array: what its header says, checked against the bytes there are. */
export interface ArrayHeader extends ArrayType {
  readonly shape: readonly number[];
  /** The first axis is the one whose elements stand together. */
  readonly isFortran: boolean;
  /** Where the elements begin, from the magic. */
  readonly dataOffset: number;
  readonly byteLength: number;
}

/** Where an array is: errors name the format, and the byte in its file where that can be said. */
export interface ArrayPlace {
  readonly format: FormatName;
  /** Names the member of an archive: ` in "weights.npy"`; empty for a file of its own. */
  readonly of: string;
  readonly byteLength: number;
  /** Where the array begins in the file; absent in compressed members. */
  readonly fileOffset?: number;
  /** Reads the first bytes; asked for at most `byteLength`. */
  readHead(byteLength: number): Promise<Uint8Array>;
}

/** An array that is well formed, and no tensor: its elements are no numbers. */
export interface NoTensor {
  readonly reason: BadFileError;
}

function fail(place: ArrayPlace, rule: string, offset: number): BadFileError {
  const byteOffset = place.fileOffset === undefined ? undefined : place.fileOffset + offset;
  return badFile(place.format, `${rule}${place.of}`, byteOffset);
}

interface Prefix {
  readonly textOffset: number;
  readonly dataOffset: number;
  readonly encoding: 'latin1' | 'utf8';
}

async function readPrefix(place: ArrayPlace): Promise<Prefix> {
  if (place.byteLength < SHORT_PREFIX_BYTES) throw fail(place, 'there must be a whole header', 0);
  const head = await place.readHead(Math.min(LONG_PREFIX_BYTES, place.byteLength));
  if (MAGIC.some((byte, i) => head[i] !== byte)) throw fail(place, 'the magic must be "\\x93NUMPY"', 0);
  const major = head[6] ?? 0;
  if (major < 1 || major > 3 || head[7] !== 0) throw fail(place, 'the version must be 1.0, 2.0 or 3.0', 6);
  const textOffset = major === 1 ? SHORT_PREFIX_BYTES : LONG_PREFIX_BYTES;
  if (head.byteLength < textOffset) throw fail(place, 'there must be a whole header', 8);
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const textLength = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (textLength > MAX_HEADER_BYTES) throw fail(place, `the header must not be over ${MAX_HEADER_BYTES} bytes`, 8);
  const dataOffset = textOffset + textLength;
  if (dataOffset > place.byteLength) throw fail(place, 'the header length must fit', 8);
  return { textOffset, dataOffset, encoding: major === 3 ? 'utf8' : 'latin1' };
}

function parseFields(place: ArrayPlace, text: string, offset: number): ReadonlyMap<string, Literal> {
  const header = parseLiteral(text);
  if (!(header instanceof Map)) throw fail(place, 'the header must be a dictionary', offset);
  const fields: ReadonlyMap<string, Literal> = header;
  if (fields.size !== 3 || !['descr', 'fortran_order', 'shape'].every((key) => fields.has(key))) {
    throw fail(place, 'the header must have descr, fortran_order and shape, and no more', offset);
  }
  return fields;
}

function parseShape(place: ArrayPlace, shape: Literal | undefined, offset: number): readonly number[] {
  if (!isShape(shape)) throw fail(place, 'the shape must be whole numbers', offset);
  if (shape.length > MAX_AXES) throw fail(place, `the shape must not have over ${MAX_AXES} axes`, offset);
  return shape;
}

/** In Fortran order too few axes are longer than one for an order to show. */
const isOrdered = (shape: readonly number[]): boolean => shape.filter((size) => size !== 1).length > 1;

/**
 * Reads an array's header and checks all of it (NumPy documentation, "numpy.lib.format").
 *
 * @throws BadFileError one for each rule; an array that is no tensor is returned as that.
 */
export async function readArrayHeader(place: ArrayPlace): Promise<ArrayHeader | NoTensor> {
  const { textOffset, dataOffset, encoding } = await readPrefix(place);
  const text = Buffer.from(await place.readHead(dataOffset)).toString(encoding, textOffset);
  const fields = parseFields(place, text, textOffset);
  const shape = parseShape(place, fields.get('shape'), textOffset);
  const isFortran = fields.get('fortran_order');
  if (typeof isFortran !== 'boolean') throw fail(place, 'fortran_order must be True or False', textOffset);
  const type = parseArrayType(fields.get('descr') ?? '');
  if (typeof type === 'string') return { reason: fail(place, type, textOffset) };
  const byteLength = elementCount(shape) * elementByteLength(type.dtype);
  if (byteLength !== place.byteLength - dataOffset) {
    throw fail(place, 'the byte length must be that of the shape and type', dataOffset);
  }
  return { ...type, shape, isFortran: isFortran && isOrdered(shape), dataOffset, byteLength };
}
