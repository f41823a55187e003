import { join } from 'node:path';
import { hollowBytes, hollowTensor, writeSparse, writeSparseModel } from './sparse-file.ts';

const GIB = 2 ** 30;
const COLUMNS = 1024;
const ROW_BYTES = 4 * COLUMNS;
/** Real numbers at the start of each tensor, so that no two are equal. */
const FIRST_VALUES = 4096;

/** A large file that is made on the spot. */
export interface LargeFile {
  readonly about: string;
  readonly name: string;
  /** Writes it into a folder; `step`: how far each number is moved, as by a step of training. */
  write(folder: string, step: number): Promise<number>;
}

function firstBytes(index: number, step: number, count = FIRST_VALUES): Uint8Array {
  const values = Float32Array.from(
    { length: count },
    (_, i) => Math.sin(index * 7919 + i * i) / 8 + step * Math.cos(index + 3 * i * i),
  );
  return new Uint8Array(values.buffer);
}

function matrices(byteLength: number, count: number, step: number) {
  const rows = Math.floor(byteLength / count / ROW_BYTES);
  return Array.from({ length: count }, (_, i) =>
    hollowTensor(`layer.${i}.weight`, 'f32', [rows, COLUMNS], firstBytes(i, step)),
  );
}

function smallTensors(count: number, step: number) {
  return Array.from({ length: count }, (_, i) => hollowTensor(`block.${i}.bias`, 'f32', [64], firstBytes(i, step, 64)));
}

/** The stream of `torch.save` before PyTorch 1.6: pickles, then each storage behind its element count. */
async function* legacyStream(byteLength: number, step: number): AsyncIterable<Uint8Array> {
  const text = (value: string) => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
  const int = (value: number) => `\x8a\x08${Buffer.from(BigInt64Array.of(BigInt(value)).buffer).toString('latin1')}`;
  const count = byteLength / 4;
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}${int(count)}NtQ`;
  const layout = `${int(0)}(${int(count / COLUMNS)}${int(COLUMNS)}t(${int(COLUMNS)}${int(1)}t`;
  const root = `}${text('weight')}ctorch._utils\n_rebuild_tensor_v2\n(${storage}${layout}\x89}tRs`;
  const magic = `\x8a\x0a${Buffer.from('6cfc9c46f9206aa85019', 'hex').toString('latin1')}`;
  for (const pickle of [magic, 'M\xe9\x03', `}${text('little_endian')}\x88s`, root, `]${text('0')}a`]) {
    yield Buffer.from(`\x80\x02${pickle}.`, 'latin1');
  }
  yield new Uint8Array(BigInt64Array.of(BigInt(count)).buffer);
  yield* hollowBytes(byteLength, firstBytes(0, step));
}

/** What is added, shown and restored. */
export const LARGE_FILES: readonly LargeFile[] = [
  {
    about: '6 GB safetensors, 64 tensors',
    name: 'six.safetensors',
    write: (folder, step) => writeSparseModel(folder, 'six.safetensors', 'safetensors', matrices(6 * GIB, 64, step)),
  },
  {
    about: '6 GB PyTorch zip64, 64 tensors',
    name: 'six.pt',
    write: (folder, step) => writeSparseModel(folder, 'six.pt', 'pytorch', matrices(6 * GIB, 64, step)),
  },
  {
    about: '5 GB PyTorch zip64, one tensor',
    name: 'one.pt',
    write: (folder, step) => writeSparseModel(folder, 'one.pt', 'pytorch', matrices(5 * GIB, 1, step)),
  },
  {
    about: '100,000 tensors in safetensors',
    name: 'many.safetensors',
    write: (folder, step) => writeSparseModel(folder, 'many.safetensors', 'safetensors', smallTensors(100_000, step)),
  },
  {
    about: '100,000 tensors in a PyTorch zip',
    name: 'many.pt',
    write: (folder, step) => writeSparseModel(folder, 'many.pt', 'pytorch', smallTensors(100_000, step)),
  },
  {
    about: '2 GB legacy PyTorch stream',
    name: 'legacy.pt',
    write: (folder, step) => writeSparse(join(folder, 'legacy.pt'), legacyStream(2 * GIB, step)),
  },
];
