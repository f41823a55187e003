export { estimateAlone } from './choose.ts';
export type { BlockContext, BlockType, EncodedBlock } from './codec.ts';
export { decodeBlock, encodeBlock } from './registry.ts';
