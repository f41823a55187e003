import type { ByteSource } from '../../bytes/source.ts';
import type { Format, OpenCheckpoint, TensorEntry } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { isPlain, orderElements } from './elements.ts';
import { type ArrayHeader, MAGIC, readArrayHeader } from './header.ts';

/** A file of one array has no name for it; this is what `numpy.savez` would call it. */
const ARRAY_NAME = 'arr_0';

function toEntry(header: ArrayHeader): TensorEntry {
  const { dtype, shape, dataOffset, byteLength } = header;
  const entry = { name: ARRAY_NAME, dtype, shape, role: classifyRole(ARRAY_NAME, dtype) };
  return isPlain(header) ? { ...entry, at: { file: 0, offset: dataOffset, byteLength } } : entry;
}

function toCheckpoint(primary: ByteSource, name: string, header: ArrayHeader): OpenCheckpoint {
  return {
    format: 'npy',
    files: [{ name, source: primary }],
    tensors: [toEntry(header)],
    declared: {},
    readTensor: () => orderElements(primary.stream(header.dataOffset, header.byteLength), header),
    close: () => primary.close(),
  };
}

/** NumPy's file of one array, versions 1 to 3. */
export const npy: Format = {
  name: 'npy',
  matches: (head, fileName) => fileName.endsWith('.npy') || MAGIC.every((byte, i) => head[i] === byte),
  async open(primary, files) {
    const header = await readArrayHeader({
      format: 'npy',
      of: '',
      byteLength: primary.byteLength,
      fileOffset: 0,
      readHead: (byteLength) => primary.read(0, byteLength),
    });
    if ('reason' in header) throw header.reason;
    return toCheckpoint(primary, files.primary, header);
  },
};
