import { WsvcError } from '../errors.ts';
import { CHUNK_ELEMENTS } from '../tensors/chunks.ts';
import { elementByteLength } from '../tensors/dtype.ts';
import { decodeAdaptive } from './adaptive.ts';
import { chooseCoding } from './choose.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { decodeContinued, decodeDense } from './dense.ts';
import { type Gather, gatherBase, readGather, writeGather } from './gather.ts';
import { decodeHeaded } from './headed.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { decodeDeflate, decodeRaw } from './raw.ts';
import { decodeSparse } from './sparse.ts';
import { decodeBytes, decodeFloats } from './standalone.ts';
import { decodeUpdated } from './updated.ts';

type Decode = (payload: Uint8Array, byteLength: number, context: BlockContext) => Uint8Array;

/** Elements of the largest base: a chunk's. */
const MAX_GATHERED = CHUNK_ELEMENTS;

const DECODERS: ReadonlyMap<number, Decode> = new Map<number, Decode>([
  [CODEC.raw, decodeRaw],
  [CODEC.deflate, decodeDeflate],
  [CODEC.floats, decodeFloats],
  [CODEC.bytes, decodeBytes],
  [CODEC.dense, decodeDense],
  [CODEC.sparse, decodeSparse],
  [CODEC.gathered, decodeGathered],
  [CODEC.adaptive, decodeAdaptive],
  [CODEC.continued, decodeContinued],
  [CODEC.headed, (payload, byteLength, context) => decodeHeaded(payload, byteLength, context, decodeBlock)],
  [CODEC.updated, (payload, byteLength, context) => decodeUpdated(payload, byteLength, context, decodeBlock)],
]);

/** Decodes a block whose base is gathered from parts: how, then the number and the payload of another codec. */
function decodeGathered(payload: Uint8Array, byteLength: number, context: BlockContext): Uint8Array {
  const reader = new PayloadReader(payload);
  const gather = readGather(reader);
  const codec = reader.byte();
  const { type, baseType = type, parts } = context;
  check(parts !== undefined && codec !== CODEC.gathered, 'it has nothing to gather from');
  const count = reader.varint(MAX_GATHERED);
  const base = gatherBase(parts, gather, count, blockElementBytes(baseType));
  return decodeBlock({ codec, payload: reader.rest() }, byteLength, { type, base, baseType });
}

/** True for a block whose ancestors are the parts that its base is gathered from. */
export function isGathered({ codec }: { readonly codec: number }): boolean {
  return codec === CODEC.gathered;
}

/** True for a block whose second ancestor is the row factor of its update. */
export function hasRowFactor({ codec, ancestors }: { readonly codec: number; readonly ancestors: number }): boolean {
  return codec === CODEC.updated && ancestors === 2;
}

/** Codes a block against a base that was gathered from parts; `undefined` when that base is of no use. */
export function encodeGathered(plain: Uint8Array, context: BlockContext, gather: Gather): EncodedBlock | undefined {
  const { rowFactor: _, sharesFactor: __, ...own } = context;
  const { type, base, baseType = type } = context;
  const inner = base === undefined ? undefined : encodeBlock(plain, own);
  if (base === undefined || inner === undefined || inner.ancestors === 0) return undefined;
  const writer = new PayloadWriter();
  writeGather(writer, gather);
  writer.byte(inner.codec);
  writer.varint(base.length / blockElementBytes(baseType));
  writer.bytes(inner.payload);
  return { codec: CODEC.gathered, payload: writer.finish(), ancestors: 1 };
}

function blockElementBytes(type: BlockType): number {
  return type === 'bytes' ? 1 : elementByteLength(type);
}

/** Codes a block losslessly; the payload never takes more than the plain bytes, and may be them. */
export function encodeBlock(plain: Uint8Array, context: BlockContext): EncodedBlock {
  const coding = chooseCoding(plain, context);
  if (coding !== undefined && coding.payload.length < plain.length) return coding;
  return { codec: CODEC.raw, payload: plain, ancestors: 0 };
}

/**
 * Decodes what {@link encodeBlock} made, given the same context.
 *
 * @throws CorruptError when the payload is not one that the codec could have made, or an ancestor is missing; WsvcError
 *   `format-version` for a codec that a newer wsvc has.
 */
export function decodeBlock(
  block: { readonly codec: number; readonly payload: Uint8Array },
  byteLength: number,
  context: BlockContext,
): Uint8Array {
  const decode = DECODERS.get(block.codec);
  if (decode === undefined) {
    throw new WsvcError('format-version', `This version of wsvc does not know codec ${block.codec} of the store.`, {
      suggestions: ['Install a newer wsvc: the repository was written by one.'],
    });
  }
  return decode(block.payload, byteLength, context);
}
