import { CorruptError } from '../errors.ts';
import type { BlockContext, EncodedBlock } from './codec.ts';
import { decodeDeflate, decodeRaw, encodeDeflate } from './raw.ts';

/** Codec numbers, as docs/format-codecs.md registers them. A number is never used again for something else. */
export const CODEC = { raw: 0, deflate: 1 } as const;

type Decode = (payload: Uint8Array, byteLength: number, context: BlockContext) => Uint8Array;

const DECODERS: ReadonlyMap<number, Decode> = new Map<number, Decode>([
  [CODEC.raw, decodeRaw],
  [CODEC.deflate, decodeDeflate],
]);

/** Codes a block losslessly; it never takes more than the plain bytes. */
export function encodeBlock(plain: Uint8Array, _context: BlockContext): EncodedBlock {
  const payload = encodeDeflate(plain);
  if (payload === undefined) return { codec: CODEC.raw, payload: plain, ancestors: 0 };
  return { codec: CODEC.deflate, payload, ancestors: 0 };
}

/**
 * Decodes what {@link encodeBlock} made, given the same context.
 *
 * @throws CorruptError when the payload is not one that the codec could have made, or an ancestor is missing.
 */
export function decodeBlock(
  block: { readonly codec: number; readonly payload: Uint8Array },
  byteLength: number,
  context: BlockContext,
): Uint8Array {
  const decode = DECODERS.get(block.codec);
  if (decode === undefined) throw new CorruptError(`a block has the unknown codec ${block.codec}`);
  return decode(block.payload, byteLength, context);
}
