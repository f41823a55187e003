import { type DType, elementByteLength } from './dtype.ts';

/** Tensors are stored and hashed in chunks of that many elements: 2 MiB of f32, 4 MiB of f64. */
export const CHUNK_ELEMENTS = 524_288;

/** Elements of one chunk; c128 has half, so that no chunk is over 4 MiB. */
export function chunkElements(dtype: DType): number {
  return dtype === 'c128' ? CHUNK_ELEMENTS / 2 : CHUNK_ELEMENTS;
}

/** Bytes of one chunk that is not a tensor's last. */
export function chunkByteLength(dtype: DType): number {
  return chunkElements(dtype) * elementByteLength(dtype);
}
