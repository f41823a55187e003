import { estimateAlone, estimateBased } from './choose.ts';
import type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
import { decodeWork, deltaWork, isUpdate, standaloneWork, type WorkModel } from './decode-work.ts';
import type { Gather } from './gather.ts';
import { decodeBlock, encodeBlock, encodeGathered } from './registry.ts';

/** A value, or one that is still being worked on elsewhere. */
export type Awaitable<T> = T | Promise<T>;

/** A coded block, as far as decoding needs it. */
export type CodedBlock = Pick<EncodedBlock, 'codec' | 'payload'>;

/** The lossless coder of blocks; the codecs themselves unless a test stands in for them. */
export interface BlockCoder {
  encodeBlock(plain: Uint8Array, context: BlockContext): Awaitable<EncodedBlock>;
  /** About how many bytes a block takes without a base, from a sample; `undefined` where it cannot tell. */
  estimateAlone?(plain: Uint8Array, type: BlockType): number | undefined;
  /** About which share of its bytes a block takes against a base, from a sample. */
  estimateBased?(plain: Uint8Array, context: BlockContext): number;
  /** Codes a block against the context's base, which was gathered from stored parts; `undefined` where that does not help. */
  encodeGathered?(plain: Uint8Array, context: BlockContext, gather: Gather): Awaitable<EncodedBlock | undefined>;
  decodeBlock(block: CodedBlock, byteLength: number, context: BlockContext): Awaitable<Uint8Array>;
  /** What decoding costs; chains are bounded by it. */
  readonly work?: WorkModel;
}

/** The codecs, on the caller's thread. */
export const localCoder = {
  encodeBlock,
  encodeGathered,
  decodeBlock,
  estimateAlone,
  estimateBased,
  work: { decode: decodeWork, alone: standaloneWork, delta: deltaWork, isUpdate },
} satisfies BlockCoder;
