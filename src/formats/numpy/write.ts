import { type DType, isFloat } from '../../tensors/dtype.ts';
import { convertTensors, tensorByteLength } from '../convert.ts';
import type { FormatWriter, WritableTensor } from '../writer.ts';
import { writeZip, type ZipMember } from '../zip/index.ts';
import { formatArrayType } from './array-type.ts';
import { MAGIC } from './header.ts';

/** NumPy aligns the elements so, that they can be mapped into memory. */
const ALIGNMENT = 64;
const PREFIX_BYTES = 10;

/** A tuple of one has a comma behind it. */
function formatShape(shape: readonly number[]): string {
  return shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
}

/** Version 1.0, padded with spaces, a line feed last (NumPy documentation, "numpy.lib.format"). */
function formatArrayHeader(tensor: WritableTensor): Uint8Array {
  const descr = formatArrayType(tensor.dtype) ?? '';
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${formatShape(tensor.shape)}, }`;
  const byteLength = Math.ceil((PREFIX_BYTES + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const header = new Uint8Array(byteLength);
  header.set(MAGIC);
  header[6] = 1;
  new DataView(header.buffer).setUint16(8, byteLength - PREFIX_BYTES, true);
  header.set(new TextEncoder().encode(`${text.padEnd(byteLength - PREFIX_BYTES - 1)}\n`), PREFIX_BYTES);
  return header;
}

function toMember(tensor: WritableTensor): ZipMember {
  const header = formatArrayHeader(tensor);
  return {
    name: `${tensor.name}.npy`,
    byteLength: header.byteLength + tensorByteLength(tensor),
    async *bytes() {
      yield header;
      yield* tensor.bytes();
    },
  };
}

/** NumPy has no floats narrower than binary16, nor bf16; f32 holds all of their values. */
function writtenAs(dtype: DType): DType | undefined {
  if (formatArrayType(dtype) !== undefined) return dtype;
  return isFloat(dtype) ? 'f32' : undefined;
}

/** Writes an archive as `numpy.savez` does: one stored array a tensor. */
export const writeNpz: FormatWriter = {
  format: 'npz',
  writtenAs,
  write(tensors, { fileName }) {
    const members = convertTensors(tensors, writeNpz).map(toMember);
    return [{ name: fileName, bytes: () => writeZip(members, { alignment: ALIGNMENT }) }];
  },
};
