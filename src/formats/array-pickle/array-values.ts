import { elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import { type ArrayType, parseArrayType } from '../numpy/array-type.ts';
import {
  asBytes,
  asCount,
  asItems,
  asNode,
  asText,
  asTextMap,
  classOf,
  globalOf,
  type PickleObject,
  type PickleValue,
} from '../pickle/index.ts';

/** NumPy's own limit (NPY_MAXDIMS of NumPy 2). */
const MAX_AXES = 64;

/** What a call makes: an array of numbers, one of objects, or of a kind that is not read. */
export type ArrayForm = ArrayType | { readonly objects: true } | { readonly unread: string };

/** An array as its pickle states it. */
export interface StatedArray {
  readonly form: ArrayForm;
  readonly shape: readonly number[];
  readonly isFortran: boolean;
}

/** An array whose elements stand in the pickle: bytes, or a list of objects. */
export interface PickledArray extends StatedArray {
  readonly data: PickleValue;
}

const isNumpy = (module: string | undefined): boolean => module !== undefined && /^numpy(\.|$)/.test(module);

/** Reads a pickled `numpy.dtype`: `dtype('f8')`, and the byte order in its state. */
export function readForm(value: PickleValue | undefined): ArrayForm {
  const node = asNode(value);
  const callee = node?.kind === 'object' ? classOf(node) : undefined;
  if (node?.kind !== 'object' || !isNumpy(callee?.module) || callee?.name !== 'dtype') {
    return { unread: 'its element type is none of NumPy' };
  }
  const code = asText(node.args[0]) ?? globalOf(node.args[0])?.name ?? '';
  if (code.startsWith('O')) return { objects: true };
  const state = asItems(node.state) ?? [];
  if ((state[3] ?? null) !== null) return { unread: 'structured arrays are not read' };
  const order = asText(state[1]) ?? '|';
  const sign = order === '>' ? '>' : code.endsWith('1') ? '|' : '<';
  const type = parseArrayType(`${sign}${code}`);
  return typeof type === 'string' ? { unread: type } : type;
}

export function readShape(value: PickleValue | undefined): readonly number[] {
  const shape = asItems(value)?.map(asCount);
  if (shape === undefined) throw badFile('pickle', 'an array must have a shape');
  const sizes = shape.filter((size) => size !== undefined);
  const isCountable = sizes.length === shape.length && Number.isSafeInteger(elementCount(sizes));
  if (!isCountable || sizes.length > MAX_AXES) {
    throw badFile('pickle', `the shape of an array must be at most ${MAX_AXES} whole numbers`);
  }
  return sizes;
}

/** Bytes of an array of numbers. */
export function byteLengthOf(shape: readonly number[], { dtype }: ArrayType): number {
  return elementCount(shape) * elementByteLength(dtype);
}

/** Reads an array that the pickle holds in itself; `undefined` for anything else. */
export function findPickledArray(node: PickleObject): PickledArray | undefined {
  const callee = globalOf(node.callee);
  if (!isNumpy(callee?.module)) return undefined;
  if (callee?.name === '_reconstruct') return readReconstructed(node.state);
  if (callee?.name !== '_frombuffer') return undefined;
  const [data = null, dtype, shape, order] = node.args;
  return { form: readForm(dtype), shape: readShape(shape), isFortran: asText(order) === 'F', data };
}

/** `ndarray.__setstate__`: version, shape, element type, order, elements; without a version in the oldest. */
function readReconstructed(value: PickleValue | undefined): PickledArray | undefined {
  const state = asItems(value);
  if (state === undefined || asNode(value)?.kind !== 'tuple') return undefined;
  const [shape, dtype, isFortran, data = null] = state.length === 4 ? state : state.slice(1);
  return { form: readForm(dtype), shape: readShape(shape), isFortran: isFortran === true || isFortran === 1, data };
}

/** The bytes of an array, as many as its shape and type say. */
export function readElements(array: PickledArray, type: ArrayType): Uint8Array {
  const bytes = asBytes(array.data);
  if (bytes?.byteLength === byteLengthOf(array.shape, type)) return bytes;
  throw badFile('pickle', 'the bytes of an array must be those of its shape and type');
}

/** The attributes of one of joblib's wrappers of that name; `undefined` for any other object. */
export function findWrapper(node: PickleObject, name: string): ReadonlyMap<string, PickleValue> | undefined {
  const owner = classOf(node);
  const isJoblib = owner?.name === name && /(^|\.)joblib\.numpy_pickle(_compat)?$/.test(owner.module);
  return isJoblib ? asTextMap(node.state) : undefined;
}
