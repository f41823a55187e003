import type { DType } from '../../tensors/dtype.ts';
import type { Literal } from './literal.ts';

/** An array's element type: read as `dtype` once its bytes are in order. */
export interface ArrayType {
  readonly dtype: DType;
  readonly isBigEndian: boolean;
}

const BY_CODE: ReadonlyMap<string, DType> = new Map([
  ['f8', 'f64'],
  ['f4', 'f32'],
  ['f2', 'f16'],
  ['i8', 'i64'],
  ['i4', 'i32'],
  ['i2', 'i16'],
  ['i1', 'i8'],
  ['u8', 'u64'],
  ['u4', 'u32'],
  ['u2', 'u16'],
  ['u1', 'u8'],
  ['b1', 'bool'],
  ['c8', 'c64'],
  ['c16', 'c128'],
]);

const CODE_OF: ReadonlyMap<DType, string> = new Map([...BY_CODE].map(([code, dtype]) => [dtype, code]));

/** Types of one byte have no byte order, and say so. */
const hasOrder = (code: string): boolean => !code.endsWith('1');

function refuse(descr: string): string {
  if (/^[<>|=]?O/.test(descr)) return 'an array of objects is a pickle, which is not read';
  if (/^[<>|=]?[SUa]/.test(descr)) return 'an array of texts holds no numbers';
  if (/^[<>|=]?[Mm]/.test(descr)) return 'an array of times holds no weights';
  return `the element type ${JSON.stringify(descr)} is not supported`;
}

/** Reads a header's `descr`; a text says why the type is none that can be read. */
export function parseArrayType(descr: Literal): ArrayType | string {
  if (typeof descr !== 'string') return 'structured arrays are not read';
  const [, order = '', code = ''] = /^([<>|])(\w+)$/.exec(descr) ?? [];
  const dtype = BY_CODE.get(code);
  if (dtype === undefined) return refuse(descr);
  if (hasOrder(code) && order === '|') return `the element type ${JSON.stringify(descr)} must state its byte order`;
  return { dtype, isBigEndian: order === '>' && hasOrder(code) };
}

/** Writes the `descr` of a type; `undefined` for one that NumPy does not have. */
export function formatArrayType(dtype: DType): string | undefined {
  const code = CODE_OF.get(dtype);
  return code === undefined ? undefined : `${hasOrder(code) ? '<' : '|'}${code}`;
}
