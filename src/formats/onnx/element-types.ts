import type { DType } from '../../tensors/dtype.ts';

/** How the values of a type are kept: as they are, or two codes of four bits in a byte, the lower first. */
export interface ElementType {
  readonly dtype: DType;
  readonly isNibble: boolean;
  /** Field that holds them when they are not raw. */
  readonly typedField: number;
  /** True where that field holds them as they are (packed little-endian floats), not as varints. */
  readonly isTypedPlain: boolean;
}

const FLOAT_DATA = 4;
const INT32_DATA = 5;
const INT64_DATA = 7;
const DOUBLE_DATA = 10;
const UINT64_DATA = 11;

function plain(dtype: DType, typedField: number): ElementType {
  const isTypedPlain = typedField === FLOAT_DATA || typedField === DOUBLE_DATA;
  return { dtype, isNibble: false, typedField, isTypedPlain };
}

function nibble(dtype: DType): ElementType {
  return { dtype, isNibble: true, typedField: INT32_DATA, isTypedPlain: false };
}

/** By TensorProto.DataType (onnx.proto). Texts, the FNUZ floats and floats of four bits are missing. */
const TYPES: ReadonlyMap<number, ElementType> = new Map([
  [1, plain('f32', FLOAT_DATA)],
  [2, plain('u8', INT32_DATA)],
  [3, plain('i8', INT32_DATA)],
  [4, plain('u16', INT32_DATA)],
  [5, plain('i16', INT32_DATA)],
  [6, plain('i32', INT32_DATA)],
  [7, plain('i64', INT64_DATA)],
  [9, plain('bool', INT32_DATA)],
  [10, plain('f16', INT32_DATA)],
  [11, plain('f64', DOUBLE_DATA)],
  [12, plain('u32', UINT64_DATA)],
  [13, plain('u64', UINT64_DATA)],
  [14, plain('c64', FLOAT_DATA)],
  [15, plain('c128', DOUBLE_DATA)],
  [16, plain('bf16', INT32_DATA)],
  [17, plain('f8_e4m3', INT32_DATA)],
  [19, plain('f8_e5m2', INT32_DATA)],
  [21, nibble('u8')],
  [22, nibble('i8')],
]);

/** Finds how a data type is read; `undefined` when it is not. */
export function findElementType(dataType: number): ElementType | undefined {
  return TYPES.get(dataType);
}
