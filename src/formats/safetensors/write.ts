import { WsvcError } from '../../errors.ts';
import { type DType, elementByteLength } from '../../tensors/dtype.ts';
import { convertTensors, tensorByteLength } from '../convert.ts';
import type { Declared } from '../format.ts';
import type { FormatWriter, WritableTensor } from '../writer.ts';
import { formatSafetensorsDtype } from './dtypes.ts';
import { MAX_HEADER_BYTES, PREFIX_BYTES } from './header.ts';

const METADATA = '__metadata__';
/** The tensors begin at a multiple of this, so that they can be mapped into memory. */
const ALIGNMENT = 8;

function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** Wide elements first: then each tensor is aligned for its type without holes, which the format forbids. */
function sortForAlignment(tensors: readonly WritableTensor[]): readonly WritableTensor[] {
  const width = ({ dtype }: WritableTensor) => Math.min(elementByteLength(dtype), ALIGNMENT);
  return tensors.toSorted((a, b) => width(b) - width(a) || compareNames(a.name, b.name));
}

/** Loaders of the Python world ask `format` for whose tensors these are; the axes are PyTorch's. */
function formatMetadata(declared: Declared): string {
  const texts = Object.entries(declared).map(([key, value]) => [key, String(value)]);
  return JSON.stringify(Object.fromEntries([['format', 'pt'], ...texts]));
}

/** Built as text, key by key: as an object's property a tensor called `__proto__` would be lost. */
function formatHeader(tensors: readonly WritableTensor[], declared: Declared): Uint8Array {
  let begin = 0;
  const entries = tensors.map((tensor) => {
    if (tensor.name === METADATA) throw new WsvcError('usage', `safetensors cannot hold a tensor called ${METADATA}.`);
    const end = begin + tensorByteLength(tensor);
    const stated = { dtype: formatSafetensorsDtype(tensor.dtype), shape: tensor.shape, data_offsets: [begin, end] };
    begin = end;
    return `${JSON.stringify(tensor.name)}:${JSON.stringify(stated)}`;
  });
  const text = new TextEncoder().encode(`{${[`"${METADATA}":${formatMetadata(declared)}`, ...entries].join(',')}}`);
  const header = new Uint8Array(Math.ceil(text.byteLength / ALIGNMENT) * ALIGNMENT).fill(0x20);
  header.set(text);
  if (header.byteLength > MAX_HEADER_BYTES) throw new WsvcError('usage', 'safetensors cannot name that many tensors.');
  return header;
}

async function* writeFile(header: Uint8Array, tensors: readonly WritableTensor[]): AsyncIterable<Uint8Array> {
  const prefix = new Uint8Array(PREFIX_BYTES);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.byteLength), true);
  yield prefix;
  yield header;
  for (const tensor of tensors) yield* tensor.bytes();
}

/** Writes one safetensors file. */
export const writeSafetensors: FormatWriter = {
  format: 'safetensors',
  writtenAs: (dtype: DType) => (formatSafetensorsDtype(dtype) === undefined ? undefined : dtype),
  write(tensors, { fileName, declared = {} }) {
    const sorted = sortForAlignment(convertTensors(tensors, writeSafetensors));
    const header = formatHeader(sorted, declared);
    return [{ name: fileName, bytes: () => writeFile(header, sorted) }];
  },
};
