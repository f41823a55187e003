import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import * as tf from '@tensorflow/tfjs-core';
import type { FormatName } from '../../src/formats/format.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import { findWriter, WRITABLE_FORMATS } from '../../src/formats/writers.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { encodeFromFloat32 } from '../../src/tensors/encode.ts';
import type { NamedTensor, Snapshot } from './snapshot.ts';

/** Formats that a snapshot is written in, with the ending of their files. */
const ENDINGS = {
  safetensors: 'safetensors',
  'pytorch-zip': 'pt',
  npz: 'npz',
  tfjs: 'model.json',
} as const satisfies Partial<Record<FormatName, string>>;

export type ZooFormat = keyof typeof ENDINGS;

export interface FileOptions {
  readonly format: ZooFormat;
  /** Without ending. */
  readonly name: string;
  /** f32 by default; `tfjs` always writes what TensorFlow.js does. */
  readonly dtype?: DType;
}

function toWritable({ name, shape, values }: NamedTensor, dtype: DType): WritableTensor {
  return {
    name,
    dtype,
    shape,
    async *bytes() {
      yield encodeFromFloat32(dtype, values);
    },
  };
}

/** Writes what `model.save` writes: a folder with the topology, and the weights in a file of their own. */
async function writeLayersModel(folder: string, name: string, { artifacts }: Snapshot): Promise<string> {
  const weights = 'group1-shard1of1.bin';
  const model = {
    format: 'layers-model',
    generatedBy: `TensorFlow.js tfjs-layers v${tf.version_core}`,
    convertedBy: null,
    modelTopology: artifacts.modelTopology,
    weightsManifest: [{ paths: [weights], weights: artifacts.weightSpecs }],
  };
  const data = tf.io.concatenateArrayBuffers([artifacts.weightData ?? []].flat());
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, weights), new Uint8Array(data));
  await writeFile(join(folder, name, 'model.json'), JSON.stringify(model));
  return `${name}/model.json`;
}

/** Writes a snapshot as a file of one of the formats (TensorFlow.js: a folder of two); returns the path of the primary file. */
export async function writeSnapshot(folder: string, snapshot: Snapshot, options: FileOptions): Promise<string> {
  const { format, name, dtype = 'f32' } = options;
  await mkdir(folder, { recursive: true });
  if (format === 'tfjs') return writeLayersModel(folder, name, snapshot);
  const fileName = `${name}.${ENDINGS[format]}`;
  const writer = WRITABLE_FORMATS.map(findWriter).find((candidate) => candidate?.format === format);
  if (writer === undefined) throw new Error(`There is no writer for ${format}.`);
  const tensors = snapshot.tensors.map((tensor) => toWritable(tensor, dtype));
  for (const file of writer.write(tensors, { fileName })) {
    await pipeline(file.bytes(), createWriteStream(join(folder, file.name)));
  }
  return fileName;
}
