export { estimateAlone, estimateBased } from './choose.ts';
export type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
export { type BlockCoder, localCoder } from './coder.ts';
export type { WorkModel, WorkOf } from './decode-work.ts';
export type { Gather } from './gather.ts';
export { decodeBlock, encodeBlock, encodeGathered, hasRowFactor, isGathered } from './registry.ts';
export { createThreadedCoder } from './threaded-coder.ts';
