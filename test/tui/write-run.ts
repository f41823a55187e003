import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createRandom } from '../zoo/random.ts';

const SHAPES = { 'layer1.weight': [24, 16], 'layer1.bias': [24], 'layer2.weight': [4, 24] } as const;

function encode(values: ReadonlyMap<string, Float32Array>): Uint8Array {
  let offset = 0;
  const entries = Object.entries(SHAPES).map(([name, shape]) => {
    const byteLength = (values.get(name)?.length ?? 0) * 4;
    const entry = { dtype: 'F32', shape, data_offsets: [offset, offset + byteLength] };
    offset += byteLength;
    return [name, entry] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const data = [...values.values()].map((array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength));
  return Buffer.concat([length, header, ...data]);
}

/** Writes a made-up run: weights that walk on from a random start by smooth, shrinking steps. */
export async function writeRun(folder: string, seed: number, length: number): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  const random = createRandom(seed);
  const gaussian = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const draw = (scale: number): Map<string, Float32Array> =>
    new Map(
      Object.entries(SHAPES).map(([name, shape]) => {
        const count = (shape as readonly number[]).reduce((product, size) => product * size, 1);
        return [name, Float32Array.from({ length: count }, () => gaussian() * scale)];
      }),
    );
  const weights = draw(0.3);
  const direction = draw(0.08);
  const files: string[] = [];
  for (let step = 0; step < length; step += 1) {
    const file = path.join(folder, `step${String(step).padStart(2, '0')}.safetensors`);
    await writeFile(file, encode(weights));
    files.push(file);
    const turn = draw(0.02);
    for (const [name, values] of weights) {
      for (const index of values.keys()) {
        const change = (direction.get(name)?.[index] ?? 0) * 0.8 ** step + (turn.get(name)?.[index] ?? 0);
        values[index] = (values[index] ?? 0) + change;
      }
    }
  }
  return files;
}
