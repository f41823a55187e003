import type { DType } from '../../tensors/dtype.ts';
import { convertTensors } from '../convert.ts';
import type { Declared } from '../format.ts';
import type { FormatWriter, WritableTensor } from '../writer.ts';

/** What each type is written as; a double would lose digits. Whole numbers are checked to fit while they are written. */
const WRITTEN_AS: Readonly<Record<DType, DType | undefined>> = {
  f64: undefined,
  f32: 'f32',
  f16: 'f16',
  bf16: 'f32',
  f8_e4m3: 'f32',
  f8_e5m2: 'f32',
  i64: 'i32',
  i32: 'i32',
  i16: 'i32',
  i8: 'i32',
  u64: 'i32',
  u32: 'i32',
  u16: 'i32',
  u8: 'i32',
  bool: 'bool',
  c64: 'c64',
  c128: undefined,
};

/** How the manifest states a type that is written. binary16 is a float32 that is stored shorter. */
function formatType(dtype: DType): object {
  if (dtype === 'f16') return { dtype: 'float32', quantization: { dtype: 'float16', original_dtype: 'float32' } };
  if (dtype === 'bool') return { dtype: 'bool' };
  if (dtype === 'i32') return { dtype: 'int32' };
  return { dtype: dtype === 'c64' ? 'complex64' : 'float32' };
}

function formatModel(tensors: readonly WritableTensor[], path: string, declared: Declared): string {
  const weights = tensors.map(({ name, shape, dtype }) => ({ name, shape, ...formatType(dtype) }));
  const metadata = Object.keys(declared).length === 0 ? {} : { userDefinedMetadata: declared };
  return JSON.stringify({
    weightsManifest: [{ paths: [path], weights }],
    generatedBy: 'wsvc',
    convertedBy: null,
    ...metadata,
  });
}

async function* concatenate(tensors: readonly WritableTensor[]): AsyncIterable<Uint8Array> {
  for (const tensor of tensors) yield* tensor.bytes();
}

/** Writes a `model.json` with a manifest and one file of weights; it has no topology, for the tensors alone tell none. */
export const writeTfjs: FormatWriter = {
  format: 'tfjs',
  writtenAs: (dtype) => WRITTEN_AS[dtype],
  write(tensors, { fileName, declared = {} }) {
    const converted = convertTensors(tensors, writeTfjs);
    const path = `${fileName.replace(/\.json$/, '')}.weights.bin`;
    const json = new TextEncoder().encode(formatModel(converted, path, declared));
    return [
      {
        name: fileName,
        async *bytes() {
          yield json;
        },
      },
      { name: path, bytes: () => concatenate(converted) },
    ];
  },
};
