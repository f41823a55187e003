import { WsvcError } from '../errors.ts';
import { chooseCoding } from './choose.ts';
import type { BlockContext, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { decodeDense } from './dense.ts';
import { decodeDeflate, decodeRaw } from './raw.ts';
import { decodeSparse } from './sparse.ts';
import { decodeBytes, decodeFloats } from './standalone.ts';

type Decode = (payload: Uint8Array, byteLength: number, context: BlockContext) => Uint8Array;

const DECODERS: ReadonlyMap<number, Decode> = new Map<number, Decode>([
  [CODEC.raw, decodeRaw],
  [CODEC.deflate, decodeDeflate],
  [CODEC.floats, decodeFloats],
  [CODEC.bytes, decodeBytes],
  [CODEC.dense, decodeDense],
  [CODEC.sparse, decodeSparse],
]);

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
