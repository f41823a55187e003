import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { directoryFiles } from '../../src/bytes/directory-files.ts';
import { CHUNK_BYTES, type FileSet } from '../../src/bytes/source.ts';
import type { OpenCheckpoint, TensorEntry } from '../../src/formats/format.ts';
import { openCheckpointAs, openKnownCheckpoint } from '../../src/formats/registry.ts';
import { elementByteLength, elementCount } from '../../src/tensors/dtype.ts';
import { casePath, hasCases } from '../cases.ts';
import { collectSeeds } from '../fuzz/corpus.ts';
import { memoryFiles } from './files.ts';
import { buildModel } from './tflite/build-model.ts';

/** A model of every format, real where there is one. */
const REAL: Readonly<Record<string, readonly string[]>> = {
  safetensors: ['safetensors', 'conv2d.safetensors'],
  'pytorch-zip': ['torch', 'batch_norm--batch_norm2d.pt'],
  sb3: ['sb3', 'sb3-zoo--a2c--Acrobot-v1_1--Acrobot-v1.zip'],
  npy: ['numpy', 'test_data.npy'],
  npz: ['numpy', 'am.npz'],
  ggml: ['ggml', 'tiny-rwkv-660K-Q5_1.bin'],
  hdf5: ['series', 'tiny_XCEPTION_KDEF.hdf5'],
  onnx: ['onnx', 'mnist.onnx'],
};

const dense = { name: 'dense', type: 0, shape: [2, 2], data: new Uint8Array(16).fill(1) };
const codes = { name: 'codes', type: 9, shape: [3], data: Uint8Array.of(1, 2, 3), scales: [0.5] };

const written = await collectSeeds(false);
/** Formats of which there is no small real file: ours, as the mutation run takes them. */
const MADE = [...written].filter(([format]) => !Object.hasOwn(REAL, format) && format !== 'tflite');

const samples: (readonly [string, () => FileSet])[] = [
  ...MADE.flatMap(([, seeds]) => seeds.map((seed) => [seed.format, () => memoryFiles(seed.files)] as const)),
  ['tflite', () => memoryFiles({ 'm.tflite': buildModel([dense, codes]) })],
  ...(hasCases
    ? Object.entries(REAL).map(([format, names]) => [format, () => directoryFiles(casePath(...names))] as const)
    : []),
];

async function checkTensor(checkpoint: OpenCheckpoint, tensor: TensorEntry): Promise<void> {
  const step = elementByteLength(tensor.dtype);
  const pieces: Uint8Array[] = [];
  for await (const piece of checkpoint.readTensor(tensor)) pieces.push(piece);
  expect(pieces.filter((piece) => piece.byteLength > CHUNK_BYTES || piece.byteLength % step !== 0)).toEqual([]);
  const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  expect([tensor.name, byteLength]).toEqual([tensor.name, elementCount(tensor.shape) * step]);
  if (tensor.toCanonical !== undefined) {
    expect([...tensor.toCanonical].sort()).toEqual(tensor.shape.map((_, axis) => axis));
  }
  if (tensor.at === undefined) return;
  const source = checkpoint.files[tensor.at.file]?.source;
  const stored = await source?.read(tensor.at.offset, tensor.at.byteLength);
  expect(Buffer.concat(pieces).equals(stored ?? new Uint8Array(1)), tensor.name).toBe(true);
}

describe.each(samples)('%s owes to the layers above', (format, files) => {
  it('tensors of its own format, each with a name of its own', async () => {
    const checkpoint = await openKnownCheckpoint(files());
    expect(checkpoint.format).toBe(format);
    const names = checkpoint.tensors.map(({ name }) => name);
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
    await checkpoint.close();
  });

  it('whole elements in bounded pieces, which stand where it says', async () => {
    const checkpoint = await openKnownCheckpoint(files());
    for (const tensor of checkpoint.tensors) await checkTensor(checkpoint, tensor);
    await checkpoint.close();
  });

  it('the same bytes again, and when it is opened by its format under no name', async () => {
    const first = await openKnownCheckpoint(files());
    const [primary] = first.files;
    const nameless: FileSet = {
      primary: 'stored',
      names: ['stored', ...first.files.slice(1).map(({ name }) => name)],
      open: async (name) => (name === 'stored' ? primary?.source : files().open(name)),
    };
    const second = await openCheckpointAs(first.format, nameless);
    for (const [i, tensor] of second.tensors.entries()) {
      const again = first.tensors[i];
      if (again === undefined) throw new Error('a tensor is missing');
      const [a, b] = [await collectBytes(first.readTensor(again)), await collectBytes(second.readTensor(tensor))];
      expect(Buffer.from(a).equals(Buffer.from(b)), tensor.name).toBe(true);
    }
    expect(second.tensors.length).toBe(first.tensors.length);
    await first.close();
  });
});

describe.runIf(hasCases)('a wrong extension', () => {
  it('is no obstacle', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-contract-'));
    for (const [format, names] of Object.entries(REAL)) {
      if (format === 'sb3') continue;
      copyFileSync(casePath(...names), join(folder, 'model.dat'));
      const checkpoint = await openKnownCheckpoint(directoryFiles(join(folder, 'model.dat')));
      expect(checkpoint.format).toBe(format);
      await checkpoint.close();
    }
    rmSync(folder, { recursive: true });
  });
});
