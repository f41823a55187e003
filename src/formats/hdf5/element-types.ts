import type { DType } from '../../tensors/dtype.ts';
import type { DatasetType, ItemType } from './protocol.ts';

/** H5T_class_t, as in HDF5's `H5Tpublic.h`. */
const INTEGER = 0;
const FLOAT = 1;
const STRING = 3;
const COMPOUND = 6;
const REFERENCE = 7;
const ENUM = 8;
const VLEN = 9;
const ARRAY = 10;

const SIGNED: ReadonlyMap<number, DType> = new Map([
  [1, 'i8'],
  [2, 'i16'],
  [4, 'i32'],
  [8, 'i64'],
]);
const UNSIGNED: ReadonlyMap<number, DType> = new Map([
  [1, 'u8'],
  [2, 'u16'],
  [4, 'u32'],
  [8, 'u64'],
]);
/** The library does not tell the layout of a float; of those with two bytes binary16 is the one that h5py and Keras write. */
const FLOATS: ReadonlyMap<number, DType> = new Map([
  [2, 'f16'],
  [4, 'f32'],
  [8, 'f64'],
]);
const COMPLEX: ReadonlyMap<number, DType> = new Map([
  [8, 'c64'],
  [16, 'c128'],
]);

/** How a dataset's elements are read, or why they are not. */
export type ElementType =
  | { readonly dtype: DType; readonly shape: readonly number[]; readonly isSwapped: boolean }
  | { readonly reason: string };

/** h5py keeps bools as an enumeration of FALSE and TRUE in a byte. */
function isBool({ enum_type, size }: ItemType): boolean {
  const members = enum_type?.members ?? {};
  return size === 1 && Object.keys(members).length === 2 && members.FALSE === 0 && members.TRUE === 1;
}

/** h5py keeps complex numbers as a compound of two floats, r and i. */
function isComplex({ compound_type, size }: ItemType): boolean {
  const members = compound_type?.members ?? [];
  const [real, imaginary] = members;
  const isPair = members.length === 2 && real?.name === 'r' && imaginary?.name === 'i';
  const isFloats = members.every((member) => member.type === FLOAT && member.size === size / 2);
  return isPair && isFloats && real.offset === 0 && imaginary.offset === size / 2;
}

function scalarType(type: ItemType): DType | undefined {
  if (type.type === INTEGER) return (type.signed ? SIGNED : UNSIGNED).get(type.size);
  if (type.type === FLOAT) return FLOATS.get(type.size);
  if (type.type === ENUM && isBool(type)) return 'bool';
  if (type.type === ENUM && type.enum_type?.type === INTEGER) return (type.signed ? SIGNED : UNSIGNED).get(type.size);
  return type.type === COMPOUND && isComplex(type) ? COMPLEX.get(type.size) : undefined;
}

function explain({ type, size, vlen }: ItemType): string {
  if (type === STRING) return 'it holds texts';
  if (type === VLEN || vlen) return 'its elements have no fixed length';
  if (type === COMPOUND) return 'its elements are records';
  if (type === REFERENCE) return 'it holds references';
  return `HDF5 elements of class ${type} with ${size} bytes are not read`;
}

/** Finds how the elements of a dataset are read; an array as an element adds its axes to the dataset's. */
export function findElementType(type: DatasetType): ElementType {
  if (type.shape === null) return { reason: 'it has no elements at all' };
  const inner = type.type === ARRAY ? type.array_type : type;
  const dtype = inner === undefined ? undefined : scalarType(inner);
  if (inner === undefined || dtype === undefined) return { reason: explain(type) };
  const shape = type.type === ARRAY ? [...type.shape, ...(inner.shape ?? [])] : type.shape;
  const order = inner.compound_type?.members[0] ?? inner;
  return { dtype, shape, isSwapped: !order.littleEndian && inner.size > 1 };
}
