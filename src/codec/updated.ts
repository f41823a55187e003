import { decodeChanges, encodeChanges, knownOf } from './adaptive.ts';
import { isCastable } from './casts.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { numberWidth } from './differences.ts';
import { countRows, MAX_RANK } from './low-rank.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { predictUpdated, type ScaledProduct } from './scaled-product.ts';

/** Codes a block within the payload: the registry's function, which lies above this file. */
export type EncodeInner = (plain: Uint8Array, context: BlockContext) => EncodedBlock;
/** Decodes a block within the payload. */
export type DecodeInner = (
  block: Pick<EncodedBlock, 'codec' | 'payload'>,
  byteLength: number,
  context: BlockContext,
) => Uint8Array;

const FACTOR = { type: 'i32' } as const satisfies BlockContext;
/** Where the row factor is. */
const [INLINE, SHARED] = [0, 1];

const bytesOf = (numbers: Int32Array<ArrayBuffer>): Uint8Array => new Uint8Array(numbers.buffer);
const numbersOf = (bytes: Uint8Array): Int32Array<ArrayBuffer> => new Int32Array(new Uint8Array(bytes).buffer);

/** True for the types whose updates are looked for. */
export function isUpdatable(type: BlockType): boolean {
  return isCastable(type) && type !== 'f64';
}

function writeFactor(writer: PayloadWriter, factor: Int32Array<ArrayBuffer>, encode: EncodeInner): void {
  const { codec, payload } = encode(bytesOf(factor), FACTOR);
  writer.byte(codec);
  writer.varint(payload.length);
  writer.bytes(payload);
}

function readFactor(reader: PayloadReader, count: number, decode: DecodeInner): Int32Array<ArrayBuffer> {
  const codec = reader.byte();
  check(codec <= CODEC.sparse, 'its factor is coded in a way that factors are not');
  const payload = reader.bytes(reader.varint(reader.remaining));
  return numbersOf(decode({ codec, payload }, count * 4, FACTOR));
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
  writeFactor(writer, product.left, encode);
  writer.byte(isShared ? SHARED : INLINE);
  if (!isShared) writeFactor(writer, product.right, encode);
  const { reference, steps } = predictUpdated(base ?? plain, type, product);
  writer.bytes(encodeChanges(plain, type, knownOf(reference, type, steps)));
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
  const { reference, steps } = predictUpdated(base, type, product);
  return decodeChanges(reader.rest(), type, knownOf(reference, type, steps));
}
