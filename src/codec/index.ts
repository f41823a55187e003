export { estimateAlone, estimateBased } from './choose.ts';
export type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
export type { Gather } from './gather.ts';
export { decodeBlock, encodeBlock, encodeGathered, hasRowFactor, isGathered } from './registry.ts';
