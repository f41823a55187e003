import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import type { WritableTensor } from '../writer.ts';
import { storageClassName } from './element-types.ts';

/** `torch.dtype` names of the types that have no storage class: they came after storages lost their types. */
const UNTYPED: ReadonlyMap<DType, string> = new Map([
  ['f8_e4m3', 'float8_e4m3fn'],
  ['f8_e5m2', 'float8_e5m2'],
  ['u64', 'uint64'],
  ['u32', 'uint32'],
  ['u16', 'uint16'],
]);

const ORDERED_DICT = 'ccollections\nOrderedDict\n';
const EMPTY_ORDERED_DICT = `${ORDERED_DICT})R`;

/** Pickles an OrderedDict of tensors in protocol 2, in calls that `torch.load(weights_only=True)` allows. The n-th tensor's storage has key n. */
export function pickleStateDict(tensors: readonly WritableTensor[]): Uint8Array {
  const items = tensors.map((tensor, i) => text(tensor.name) + tensorCall(tensor, i));
  return new Uint8Array(Buffer.from(`\x80\x02${EMPTY_ORDERED_DICT}(${items.join('')}u.`, 'latin1'));
}

/** `_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)`, or `v3` with the dtype. */
function tensorCall({ dtype, shape }: WritableTensor, index: number): string {
  const storageClass = storageClassName(dtype);
  const isTyped = storageClass !== undefined;
  const count = elementCount(shape);
  const name = isTyped ? `ctorch\n${storageClass}\n` : 'ctorch.storage\nUntypedStorage\n';
  const size = isTyped ? count : count * elementByteLength(dtype);
  const storage = `(${text('storage')}${name}${text(String(index))}${text('cpu')}${integer(size)}tQ`;
  const layout = `${integer(0)}${tuple(shape)}${tuple(contiguousStrides(shape))}`;
  const last = isTyped ? '' : `ctorch\n${UNTYPED.get(dtype) ?? ''}\n`;
  return `ctorch._utils\n_rebuild_tensor_v${isTyped ? 2 : 3}\n(${storage}${layout}\x89${EMPTY_ORDERED_DICT}${last}tR`;
}

/** Row-major strides; PyTorch counts an empty axis as one. */
function contiguousStrides(shape: readonly number[]): readonly number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const size of [...shape].reverse()) {
    strides.unshift(stride);
    stride *= Math.max(size, 1);
  }
  return strides;
}

function tuple(values: readonly number[]): string {
  return `(${values.map(integer).join('')}t`;
}

/** BININT to 31 bits, LONG1 beyond. */
function integer(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return value <= 0x7fffffff ? `J${bytes.toString('latin1', 0, 4)}` : `\x8a\x08${bytes.toString('latin1')}`;
}

/** BINUNICODE: bytes are carried as Latin-1 characters here. */
function text(value: string): string {
  const bytes = Buffer.from(value, 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.byteLength);
  return `X${length.toString('latin1')}${bytes.toString('latin1')}`;
}
