import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { createRandom } from '../bench/small-net.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Matrix, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders();

/** What merging an adapter does: a product of two thin matrices is added, and the sum rounded. */
function mergeUpdate({ rows, columns, values }: Matrix, rank: number, seed: number): Matrix {
  const { normal } = createRandom(seed);
  const left = Float32Array.from({ length: rows * rank }, () => normal() * 0.01);
  const right = Float32Array.from({ length: rank * columns }, () => normal() * 0.05);
  const sumAt = (row: number, column: number): number => {
    let sum = 0;
    for (let r = 0; r < rank; r++) sum += (left[row * rank + r] ?? 0) * (right[r * columns + column] ?? 0);
    return sum;
  };
  return { rows, columns, values: values.map((w, i) => w + sumAt(Math.floor(i / columns), i % columns)) };
}

describe('a merged update of rank 4', () => {
  it('is stored in a few percent by add, also where chunks begin inside a row', async () => {
    const folder = await temporary();
    await createIn(folder);
    // 1500 x 800 numbers are three chunks; 800 does not divide a chunk's 524,288.
    const base = { 'a.weight': randomMatrix(1500, 800, 1), 'b.weight': randomMatrix(640, 512, 2) };
    const merged = {
      'a.weight': mergeUpdate(base['a.weight'], 4, 3),
      'b.weight': mergeUpdate(base['b.weight'], 4, 4),
    };
    await saveFiles(folder, [await writeModel(folder, 'base.safetensors', base)]);
    const file = await writeModel(folder, 'merged.safetensors', merged);
    const { added } = await finish(addFiles(await openIn(folder), [file]));
    const [one] = added;
    expect((one?.storedBytes ?? Number.NaN) / (one?.bytes ?? Number.NaN)).toBeLessThan(0.06);
  });
});
