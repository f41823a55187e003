/** Element types, as wsvc names them. Quantised block types of other formats are added here. */
export type DType =
  | 'f64'
  | 'f32'
  | 'f16'
  | 'bf16'
  | 'f8_e4m3'
  | 'f8_e5m2'
  | 'i64'
  | 'i32'
  | 'i16'
  | 'i8'
  | 'u64'
  | 'u32'
  | 'u16'
  | 'u8'
  | 'bool'
  | 'c64'
  | 'c128';

const BYTE_LENGTH = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  f8_e4m3: 1,
  f8_e5m2: 1,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u64: 8,
  u32: 4,
  u16: 2,
  u8: 1,
  bool: 1,
  c64: 8,
  c128: 16,
} as const satisfies Record<DType, number>;

/** Bytes of one element. */
export function elementByteLength(dtype: DType): number {
  return BYTE_LENGTH[dtype];
}

/** Elements of a tensor of that shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** True for the types whose values are weights as they stand (not codes, counters or masks). */
export function isFloat(dtype: DType): boolean {
  return dtype.startsWith('f') || dtype === 'bf16';
}
