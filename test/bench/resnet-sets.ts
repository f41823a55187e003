import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { castBlock } from '../../src/codec/casts.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import { pythonHas, runPythonWith } from '../peers.ts';

const TRAINER = fileURLToPath(new URL('train-resnet.py', import.meta.url));
/** Checkpoints of each run: the last, its base, and the base's base. */
const COUNT = 3;

/** A tensor of the trainer. */
export interface RawTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** True where the trainer can run. */
export const canTrainResNet = (): boolean => pythonHas('torch');

/** Trains a ResNet-18 and leaves its checkpoints in a folder. */
export function trainResNet(folder: string, seed: number): void {
  const launch = 'import sys\nsource, *sys.argv = sys.argv[1:]\nexec(compile(open(source).read(), source, "exec"))';
  runPythonWith(['torch'], launch, TRAINER, TRAINER, folder, String(seed), String(COUNT));
}

interface Listed {
  readonly name: string;
  readonly dtype: 'f32' | 'i64';
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** The tensors of one checkpoint of a run, its floats cast to a type. */
export function readRun(folder: string, run: string, index: number, type: DType): readonly RawTensor[] {
  const place = join(folder, `${run}-${index}`);
  const listed: readonly Listed[] = JSON.parse(readFileSync(join(place, 'tensors.json'), 'utf8'));
  const all = new Uint8Array(readFileSync(join(place, 'tensors.bin')));
  let at = 0;
  return listed.map(({ name, dtype, shape, byteLength }) => {
    const bytes = all.slice(at, at + byteLength);
    at += byteLength;
    if (dtype !== 'f32' || type === 'f32') return { name, dtype, shape, bytes };
    return { name, dtype: type, shape, bytes: castBlock(bytes, 'f32', type, 'nearest') };
  });
}

/** Writes tensors as a safetensors file. */
export async function writeTensors(folder: string, fileName: string, tensors: readonly RawTensor[]): Promise<void> {
  const writable = tensors.map(({ bytes, ...tensor }) => ({
    ...tensor,
    async *bytes() {
      yield bytes;
    },
  }));
  for (const file of writeSafetensors.write(writable, { fileName })) {
    await pipeline(file.bytes(), createWriteStream(join(folder, file.name)));
  }
}
