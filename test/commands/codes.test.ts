import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { collectBytes } from '../../src/bytes/collect.ts';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import type { WritableTensor } from '../../src/formats/writer.ts';
import type { DiffResult } from '../../src/repo/lineage-results.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createRandom } from '../zoo/random.ts';
import { askWsvc } from './program.ts';

const temporary = temporaryFolders();
const random = createRandom(3);
const draw = (count: number) => Float32Array.from({ length: count }, () => random() - 0.5);

const tensor = (name: string, dtype: 'f32' | 'i8', data: Float32Array | Int8Array, width: number): WritableTensor => ({
  name,
  dtype,
  shape: width === 1 ? [data.length] : [data.length / width, width],
  async *bytes() {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  },
});

async function writeModel(folder: string, fileName: string, tensors: readonly WritableTensor[]): Promise<void> {
  for (const file of writeSafetensors.write(tensors, { fileName }))
    await writeFile(join(folder, file.name), await collectBytes(file.bytes()));
}

it('calls a copy quantized whose matrices are codes, with scales under names of their own', async () => {
  const folder = await temporary();
  const layers = [
    { name: 'fc1', width: 30, weight: draw(200 * 30), bias: draw(200) },
    { name: 'fc2', width: 200, weight: draw(60 * 200), bias: draw(60) },
  ];
  await writeModel(
    folder,
    'float.safetensors',
    layers.flatMap(({ name, width, weight, bias }) => [
      tensor(`${name}.weight`, 'f32', weight, width),
      tensor(`${name}.bias`, 'f32', bias, 1),
    ]),
  );
  await writeModel(
    folder,
    'codes.safetensors',
    layers.flatMap(({ name, width, weight, bias }) => [
      tensor(
        `${name}.weight`,
        'i8',
        Int8Array.from(weight, (x) => Math.round(x * 254)),
        width,
      ),
      tensor(`${name}.weight_scale`, 'f32', Float32Array.of(1 / 254), 1),
      tensor(`${name}.bias`, 'f32', bias, 1),
    ]),
  );
  const [forward, backward] = [
    await askWsvc<DiffResult>(folder, 'diff', 'float.safetensors', 'codes.safetensors'),
    await askWsvc<DiffResult>(folder, 'diff', 'codes.safetensors', 'float.safetensors'),
  ];
  expect(forward).toMatchObject({ relation: 'quantized', direction: 'forward' });
  expect(backward).toMatchObject({ relation: 'quantized', direction: 'backward' });
  expect(forward.confidence).toBeLessThan(0.99);
});
