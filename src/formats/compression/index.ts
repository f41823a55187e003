export { decodeBzip2 } from './bzip2.ts';
export { decodeLz4 } from './lz4.ts';
export { CompressionFault } from './output.ts';
export { decodeLzmaAlone, decodeXz } from './xz.ts';
