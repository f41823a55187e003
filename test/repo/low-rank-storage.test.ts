import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { collectGarbage } from '../../src/repo/collect-garbage.ts';
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

/** A checkpoint and what became of it; 1500 x 800 numbers are three chunks, and 800 does not divide a chunk's 524,288. */
async function makeRepository(): Promise<string> {
  const folder = await temporary();
  await createIn(folder);
  const base = { 'a.weight': randomMatrix(1500, 800, 1), 'b.weight': randomMatrix(640, 512, 2) };
  const merged = {
    'a.weight': mergeUpdate(base['a.weight'], 4, 3),
    'b.weight': mergeUpdate(base['b.weight'], 4, 4),
  };
  await saveFiles(folder, [await writeModel(folder, 'base.safetensors', base)]);
  await writeModel(folder, 'merged.safetensors', merged);
  return folder;
}

async function rowsOf(folder: string) {
  const { packs } = (await openIn(folder)).blobs;
  return packs.packs().flatMap(({ index }) => index.rows);
}

describe('a merged update of rank 4', () => {
  it('is stored in a few percent by add, its row factor once for all chunks', async () => {
    const folder = await makeRepository();
    const { added } = await finish(addFiles(await openIn(folder), [path.join(folder, 'merged.safetensors')]));
    const [one] = added;
    expect((one?.storedBytes ?? Number.NaN) / (one?.bytes ?? Number.NaN)).toBeLessThan(0.03);
    const rows = await rowsOf(folder);
    expect(rows.filter(({ type }) => type === 'i32')).toMatchObject([{ byteLength: 4 * 4 * 800, ancestors: 0 }]);
    expect(rows.filter(({ codec, ancestors }) => codec === 8 && ancestors === 2)).toHaveLength(3);
  });

  it('is restored, and goes through garbage collection as it is', async () => {
    const folder = await makeRepository();
    await saveFiles(folder, [path.join(folder, 'merged.safetensors')]);
    const before = await rowsOf(folder);
    const idle = await finish(collectGarbage(await openIn(folder), { now: true }));
    expect(idle).toMatchObject({ dropped: { blobs: 0 }, copied: { packs: 0 } });
    const packed = await finish(collectGarbage(await openIn(folder), { now: true, aggressive: true }));
    expect(packed.bytesAfter).toBeLessThanOrEqual(packed.bytesBefore);
    const ids = (rows: typeof before) => rows.map(({ id }) => id).sort();
    expect(ids(await rowsOf(folder))).toEqual(ids(before));
    const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
    expect(findings).toEqual([]);
    expect(proof).toMatchObject({ files: 2, differingBytes: 0 });
  });
});
