import { decodeChanges, encodeChanges } from './adaptive.ts';
import { isCastable } from './casts.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { numberWidth } from './differences.ts';
import { countRows, MAX_RANK } from './low-rank.ts';
import { type DecodeInner, type EncodeInner, readNested, writeNested } from './nested.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { predictUpdated, type ScaledProduct } from './scaled-product.ts';

const FACTOR = { type: 'i32' } as const satisfies BlockContext;
/** Where the row factor is. */
const [INLINE, SHARED] = [0, 1];

const bytesOf = (numbers: Int32Array<ArrayBuffer>): Uint8Array => new Uint8Array(numbers.buffer);
const numbersOf = (bytes: Uint8Array): Int32Array<ArrayBuffer> => new Int32Array(new Uint8Array(bytes).buffer);

/** True for the types whose updates are looked for. */
export function isUpdatable(type: BlockType): boolean {
  return isCastable(type) && type !== 'f64';
}

function readFactor(reader: PayloadReader, count: number, decode: DecodeInner): Int32Array<ArrayBuffer> {
  return numbersOf(readNested(reader, count * 4, FACTOR, decode));
}

/**
 * Codes a block as its base, a product of low rank, and what is left of the difference.
 *
 * @param isShared - the row factor is, or becomes, a block of its own.
 */
export function encodeUpdated(
  plain: Uint8Array,
  { type, base, rowFactor }: BlockContext,
  product: ScaledProduct,
  isShared: boolean,
  encode: EncodeInner,
): EncodedBlock {
  const writer = new PayloadWriter();
  writer.varint(product.rowLength);
  writer.varint(product.rowOffset);
  writer.byte(product.rank);
  for (const scale of product.scales) writer.float32(scale);
  writeNested(writer, bytesOf(product.left), FACTOR, encode);
  writer.byte(isShared ? SHARED : INLINE);
  if (!isShared) writeNested(writer, bytesOf(product.right), FACTOR, encode);
  writer.bytes(encodeChanges(plain, type, predictUpdated(base ?? plain, type, product)));
  const coded = { codec: CODEC.updated, payload: writer.finish(), ancestors: isShared ? 2 : 1 };
  return isShared && rowFactor === undefined ? { ...coded, rowFactor: bytesOf(product.right) } : coded;
}

function readProduct(reader: PayloadReader, count: number, context: BlockContext, decode: DecodeInner): ScaledProduct {
  const rowLength = reader.varint(count);
  check(rowLength > 0, 'its rows are empty');
  const rowOffset = reader.varint(rowLength - 1);
  const rank = reader.byte();
  check(rank > 0 && rank <= MAX_RANK, 'its rank is out of range');
  const scales = Float32Array.from({ length: rank }, () => reader.float32());
  const left = readFactor(reader, countRows({ rowLength, rowOffset }, count) * rank, decode);
  const place = reader.byte();
  check(place === INLINE || place === SHARED, 'its row factor is at no known place');
  const right =
    place === INLINE ? readFactor(reader, rank * rowLength, decode) : sharedFactor(context, rank * rowLength);
  return { rowLength, rowOffset, rank, scales, left, right };
}

function sharedFactor({ rowFactor }: BlockContext, count: number): Int32Array<ArrayBuffer> {
  check(rowFactor !== undefined && rowFactor.length === count * 4, 'it needs a row factor that is not there');
  return numbersOf(rowFactor);
}

/** Decodes what {@link encodeUpdated} made. */
export function decodeUpdated(
  payload: Uint8Array,
  byteLength: number,
  context: BlockContext,
  decode: DecodeInner,
): Uint8Array {
  const { type, base, baseType = type } = context;
  check(isUpdatable(type) && byteLength % numberWidth(type) === 0, 'its update is of a type that has none');
  check(baseType === type && base?.length === byteLength, 'it needs a base of its type and length');
  const reader = new PayloadReader(payload);
  const product = readProduct(reader, byteLength / numberWidth(type), context, decode);
  return decodeChanges(reader.rest(), type, predictUpdated(base, type, product));
}
