import { memorySource } from '../../src/bytes/memory-source.ts';
import { wholeUnits } from '../../src/bytes/whole-units.ts';
import type { OpenCheckpoint, TensorEntry } from '../../src/formats/format.ts';
import { type DType, elementByteLength } from '../../src/tensors/dtype.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';

export interface MemoryTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
  readonly dtype?: DType;
  readonly role?: TensorEntry['role'];
  readonly toCanonical?: readonly number[];
  /** True: not verbatim in the file, as if it were compressed. */
  readonly isPacked?: boolean;
}

function toEntry(tensor: MemoryTensor, offset: number, byteLength: number): TensorEntry {
  return {
    name: tensor.name,
    dtype: tensor.dtype ?? 'f32',
    shape: tensor.shape,
    role: tensor.role ?? 'weight',
    ...(tensor.isPacked ? {} : { at: { file: 0, offset, byteLength } }),
    ...(tensor.toCanonical === undefined ? {} : { toCanonical: tensor.toCanonical }),
  };
}

/** A checkpoint of one file in memory: a header of 13 bytes (so that nothing is aligned), then the tensors. */
export function memoryCheckpoint(tensors: readonly MemoryTensor[]): OpenCheckpoint {
  const parts: Uint8Array[] = [new TextEncoder().encode('wsvc-in-memory'.slice(0, 13))];
  const places = new Map<string, { readonly offset: number; readonly byteLength: number }>();
  let length = 13;
  const entries = tensors.map((tensor) => {
    const bytes = encodeFromFloat32(tensor.dtype ?? 'f32', Float32Array.from(tensor.values));
    places.set(tensor.name, { offset: length, byteLength: bytes.byteLength });
    parts.push(bytes);
    length += bytes.byteLength;
    return toEntry(tensor, length - bytes.byteLength, bytes.byteLength);
  });
  const source = memorySource(Buffer.concat(parts));
  return {
    format: 'safetensors',
    files: [{ name: 'memory.bin', source }],
    tensors: entries,
    declared: {},
    readTensor(entry) {
      const { offset, byteLength } = places.get(entry.name) ?? { offset: 0, byteLength: 0 };
      return wholeUnits(source.stream(offset, byteLength), elementByteLength(entry.dtype));
    },
    close: async () => undefined,
  };
}
