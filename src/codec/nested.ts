import type { BlockContext, EncodedBlock } from './codec.ts';
import { CODEC } from './codec-numbers.ts';
import { check, type PayloadReader, type PayloadWriter } from './payload.ts';

/** Codes a block within a payload: the registry's function, which lies above the files that use this. */
export type EncodeInner = (plain: Uint8Array, context: BlockContext) => EncodedBlock;
/** Decodes a block within a payload. */
export type DecodeInner = (
  block: Pick<EncodedBlock, 'codec' | 'payload'>,
  byteLength: number,
  context: BlockContext,
) => Uint8Array;

/** Writes a block that stands alone within a payload: codec, length, payload. */
export function writeNested(
  writer: PayloadWriter,
  plain: Uint8Array,
  context: BlockContext,
  encode: EncodeInner,
): void {
  const { codec, payload } = encode(plain, context);
  writer.byte(codec);
  writer.varint(payload.length);
  writer.bytes(payload);
}

/** Reads what {@link writeNested} wrote. */
export function readNested(
  reader: PayloadReader,
  byteLength: number,
  context: BlockContext,
  decode: DecodeInner,
): Uint8Array {
  const codec = reader.byte();
  check(codec <= CODEC.sparse, 'a block within it is coded in a way that such blocks are not');
  const payload = reader.bytes(reader.varint(reader.remaining));
  return decode({ codec, payload }, byteLength, context);
}
