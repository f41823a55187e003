import { memorySource } from '../../../src/bytes/memory-source.ts';
import type { FormatName } from '../../../src/formats/format.ts';
import type { WritableTensor } from '../../../src/formats/writer.ts';
import { findWriter } from '../../../src/formats/writers.ts';
import { collectFiles } from '../../formats/files.ts';
import { zipBytes } from '../zip-bytes.ts';
import { f32, join, latin1 } from './bytes.ts';
import { type Files, type Seed, seedOf } from './seed.ts';

const tensor = (name: string, dtype: WritableTensor['dtype'], shape: readonly number[], bytes: Uint8Array) => ({
  name,
  dtype,
  shape,
  bytes: () => memorySource(bytes).stream(),
});

const TENSORS: readonly WritableTensor[] = [
  tensor('layer.weight', 'f32', [2, 3], f32(1, 2, 3, -4, 5, 6)),
  tensor('layer.bias', 'f16', [2], Uint8Array.of(0, 60, 0, 188)),
  tensor('empty', 'f32', [0, 3], new Uint8Array(0)),
  tensor('steps', 'i32', [], Uint8Array.of(7, 0, 0, 0)),
  tensor('名前', 'f32', [1, 1, 1, 2], f32(0.1, 0.2)),
];

async function written(format: FormatName, word: string, fileName: string): Promise<Seed> {
  const files = findWriter(word)?.write(TENSORS, { fileName, declared: { epoch: 3, note: 'a "note"' } }) ?? [];
  return { format, name: `${format}: written`, files: await collectFiles(files) };
}

/** An array file; the header is padded to 64 bytes as NumPy does. */
function npy(
  descr: string,
  shape: string,
  data: Uint8Array,
  options: { version?: number; isFortran?: boolean } = {},
): Buffer {
  const { version = 1, isFortran = false } = options;
  const prefix = version === 1 ? 10 : 12;
  const header = `{'descr': '${descr}', 'fortran_order': ${isFortran ? 'True' : 'False'}, 'shape': ${shape}, }`;
  const padded = `${header.padEnd(Math.ceil((prefix + header.length + 1) / 64) * 64 - prefix - 1)}\n`;
  const head = Buffer.alloc(prefix);
  head.write('\x93NUMPY', 'latin1');
  head[6] = version;
  if (version === 1) head.writeUInt16LE(padded.length, 8);
  else head.writeUInt32LE(padded.length, 8);
  return join(head, padded, data);
}

function npySeeds(): readonly Seed[] {
  const plain = npy('<f4', '(2, 2)', f32(1, 2, 3, 4));
  const swapped = npy('>f8', '(2,)', f32(1, 2, 3, 4), { version: 2 });
  const fortran = npy('<i2', '(2, 1, 2)', f32(1, 2), { version: 3, isFortran: true });
  const member = (name: string, bytes: Uint8Array, isDeflated: boolean) => ({ name, bytes, isDeflated });
  const archive = [
    member('arr_0.npy', plain, false),
    member('sub/b.npy', swapped, true),
    member('readme.txt', latin1('no array'), false),
    member('object.npy', npy('|O', '(1,)', latin1('\x80\x02N.')), false),
  ];
  return [
    seedOf('npy', 'plain.npy', plain),
    seedOf('npy', 'swapped.npy', swapped),
    seedOf('npy', 'fortran.npy', fortran),
    seedOf('npz', 'mixed.npz', zipBytes(archive)),
  ];
}

/** All tensors in one shard. */
function indexOf(shard: string): Uint8Array {
  const weight_map = Object.fromEntries(TENSORS.map(({ name }) => [name, shard]));
  return Buffer.from(JSON.stringify({ metadata: { total_size: 1 }, weight_map }));
}

function shardedSafetensors(primary: Uint8Array): Seed {
  const files: Files = { 'model.safetensors.index.json': indexOf('a.safetensors'), 'a.safetensors': primary };
  return { format: 'safetensors', name: 'safetensors: sharded', files };
}

function shardedPytorch(primary: Uint8Array): Seed {
  const files: Files = { 'pytorch_model.bin.index.json': indexOf('a.bin'), 'a.bin': primary };
  return { format: 'pytorch-zip', name: 'pytorch-zip: sharded', files };
}

/** A quantised manifest with a Keras topology. */
function quantizedTfjs(): Seed {
  const weights = [
    { name: 'dense/kernel', dtype: 'float32', shape: [2, 2], quantization: { dtype: 'uint8', scale: 0.1, min: -1 } },
    { name: 'dense/bias', dtype: 'float32', shape: [2], quantization: { dtype: 'float16', original_dtype: 'float32' } },
    { name: 'words', dtype: 'string', shape: [2] },
  ];
  const layers = [
    { class_name: 'InputLayer', config: { name: 'in', batch_input_shape: [null, 2] } },
    { class_name: 'Dense', config: { name: 'dense', units: 2, activation: 'relu' } },
  ];
  const model = {
    format: 'layers-model',
    modelTopology: { class_name: 'Sequential', config: { name: 'net', layers } },
    weightsManifest: [{ paths: ['a.bin', 'b.bin'], weights }],
  };
  const data = join(
    Uint8Array.of(1, 2, 3, 4),
    Uint8Array.of(0, 60, 0, 64),
    Uint8Array.of(1, 0, 0, 0, 97, 2, 0, 0, 0, 98, 99),
  );
  const files: Files = {
    'model.json': latin1(JSON.stringify(model)),
    'a.bin': data.subarray(0, 5),
    'b.bin': data.subarray(5),
  };
  return { format: 'tfjs', name: 'tfjs: quantised', files };
}

/** What wsvc's own writers make, and the formats that are written like them. */
export async function writtenSeeds(): Promise<readonly Seed[]> {
  const safetensors = await written('safetensors', 'safetensors', 'model.safetensors');
  const pytorch = await written('pytorch-zip', 'pytorch', 'model.pt');
  return [
    safetensors,
    shardedSafetensors(Object.values(safetensors.files)[0] ?? new Uint8Array(0)),
    pytorch,
    shardedPytorch(Object.values(pytorch.files)[0] ?? new Uint8Array(0)),
    await written('npz', 'npz', 'model.npz'),
    await written('tfjs', 'tfjs', 'model.json'),
    quantizedTfjs(),
    ...npySeeds(),
  ];
}
