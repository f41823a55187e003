import { wholeUnits } from '../../bytes/whole-units.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import { type DType, elementByteLength } from '../../tensors/dtype.ts';
import { littleEndianWords } from '../../tensors/host.ts';
import type { CheckpointFile, FileRange } from '../format.ts';
import type { PlacedWeight } from './layout.ts';

/** The type a tensor is read as: that of its elements, or of what its codes stand for. */
export function readAs({ spec, storedAs }: PlacedWeight): DType {
  if (spec.quantization === undefined || spec.quantization.dtype === 'float16') return storedAs;
  return spec.dtype === 'int32' ? 'i32' : 'f32';
}

async function* readRanges(files: readonly CheckpointFile[], ranges: readonly FileRange[]): AsyncIterable<Uint8Array> {
  for (const { file, offset, byteLength } of ranges) {
    const source = files[file]?.source;
    if (source !== undefined) yield* source.stream(offset, byteLength);
  }
}

/** Codes are at most 65,535: exact as f32. The sum is taken in double precision and rounded once, as TensorFlow.js does. */
function dequantize(codes: Float32Array, scale: number, min: number, dtype: DType): Uint8Array {
  const out = dtype === 'i32' ? new Int32Array(codes.length) : new Float32Array(codes.length);
  const isWhole = dtype === 'i32';
  for (let i = 0; i < codes.length; i += 1) {
    const value = (codes[i] ?? 0) * scale + min;
    out[i] = isWhole ? Math.round(value) : value;
  }
  return littleEndianWords(new Uint8Array(out.buffer), 4);
}

async function* dequantizePieces(
  pieces: AsyncIterable<Uint8Array>,
  storedAs: DType,
  scales: { readonly scale: number; readonly min: number },
  dtype: DType,
): AsyncIterable<Uint8Array> {
  for await (const piece of pieces) {
    yield dequantize(decodeToFloat32(storedAs, piece), scales.scale, scales.min, dtype);
  }
}

/** Reads a tensor's plain bytes, joined where it spans files, and what its codes stand for where it is quantised. */
export function readElements(files: readonly CheckpointFile[], weight: PlacedWeight): AsyncIterable<Uint8Array> {
  const stored = wholeUnits(readRanges(files, weight.ranges), elementByteLength(weight.storedAs));
  const { quantization } = weight.spec;
  if (quantization === undefined || quantization.dtype === 'float16') return stored;
  const dtype = readAs(weight);
  return wholeUnits(dequantizePieces(stored, weight.storedAs, quantization, dtype), elementByteLength(dtype));
}
