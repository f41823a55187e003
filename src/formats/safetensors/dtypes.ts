import type { DType } from '../../tensors/dtype.ts';

const BY_NAME: ReadonlyMap<string, DType> = new Map([
  ['F64', 'f64'],
  ['F32', 'f32'],
  ['F16', 'f16'],
  ['BF16', 'bf16'],
  ['F8_E4M3', 'f8_e4m3'],
  ['F8_E5M2', 'f8_e5m2'],
  ['I64', 'i64'],
  ['I32', 'i32'],
  ['I16', 'i16'],
  ['I8', 'i8'],
  ['U64', 'u64'],
  ['U32', 'u32'],
  ['U16', 'u16'],
  ['U8', 'u8'],
  ['BOOL', 'bool'],
  ['C64', 'c64'],
]);

const BY_DTYPE: ReadonlyMap<DType, string> = new Map([...BY_NAME].map(([name, dtype]) => [dtype, name]));

/** Our name of a safetensors type; `undefined` for one that is not supported. */
export function parseSafetensorsDtype(name: string): DType | undefined {
  return BY_NAME.get(name);
}

/** The safetensors name of a type; `undefined` for c128, which the format does not have. */
export function formatSafetensorsDtype(dtype: DType): string | undefined {
  return BY_DTYPE.get(dtype);
}
