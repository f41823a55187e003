import type { DType } from '../../tensors/dtype.ts';
import { globalOf, type PickleValue } from '../pickle/index.ts';

/** How the elements of a storage are encoded. */
export interface ElementType {
  readonly dtype: DType;
  /** The integers are codes of real numbers; the tensor says which. */
  readonly isQuantized: boolean;
}

const plain = (dtype: DType): ElementType => ({ dtype, isQuantized: false });
const quantized = (dtype: DType): ElementType => ({ dtype, isQuantized: true });

/** Storage classes by name: `torch.FloatStorage`, `torch.cuda.FloatStorage`. An untyped storage is bytes until a tensor gives it a type. */
const STORAGE_CLASSES: ReadonlyMap<string, ElementType> = new Map([
  ['DoubleStorage', plain('f64')],
  ['FloatStorage', plain('f32')],
  ['HalfStorage', plain('f16')],
  ['BFloat16Storage', plain('bf16')],
  ['LongStorage', plain('i64')],
  ['IntStorage', plain('i32')],
  ['ShortStorage', plain('i16')],
  ['CharStorage', plain('i8')],
  ['ByteStorage', plain('u8')],
  ['BoolStorage', plain('bool')],
  ['ComplexFloatStorage', plain('c64')],
  ['ComplexDoubleStorage', plain('c128')],
  ['QInt8Storage', quantized('i8')],
  ['QUInt8Storage', quantized('u8')],
  ['QInt32Storage', quantized('i32')],
  ['UntypedStorage', plain('u8')],
  ['_UntypedStorage', plain('u8')],
]);

/** `torch.dtype` objects by name. */
const DTYPES: ReadonlyMap<string, ElementType> = new Map([
  ['float64', plain('f64')],
  ['float32', plain('f32')],
  ['float16', plain('f16')],
  ['bfloat16', plain('bf16')],
  ['float8_e4m3fn', plain('f8_e4m3')],
  ['float8_e5m2', plain('f8_e5m2')],
  ['int64', plain('i64')],
  ['int32', plain('i32')],
  ['int16', plain('i16')],
  ['int8', plain('i8')],
  ['uint64', plain('u64')],
  ['uint32', plain('u32')],
  ['uint16', plain('u16')],
  ['uint8', plain('u8')],
  ['bool', plain('bool')],
  ['complex64', plain('c64')],
  ['complex128', plain('c128')],
  ['qint8', quantized('i8')],
  ['quint8', quantized('u8')],
  ['qint32', quantized('i32')],
]);

/** The element type of a storage class; `undefined` for one that wsvc does not read (4-bit codes, complex halves). */
export function findStorageType(storageClass: PickleValue | undefined): ElementType | undefined {
  return STORAGE_CLASSES.get(globalOf(storageClass)?.name ?? '');
}

/** The element type of a `torch.dtype`; `undefined` for one that wsvc does not read. */
export function findDtype(dtype: PickleValue | undefined): ElementType | undefined {
  const global = globalOf(dtype);
  return global?.module === 'torch' ? DTYPES.get(global.name) : undefined;
}

/** The name of the storage class that {@link findStorageType} reads as `dtype`; `undefined` when PyTorch has none. */
export function storageClassName(dtype: DType): string | undefined {
  for (const [name, type] of STORAGE_CLASSES) {
    if (type.dtype === dtype && !type.isQuantized) return name;
  }
  return undefined;
}
