import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directoryFiles } from '../../src/bytes/directory-files.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { sketchCosine, sketchDistance } from '../../src/sketch/sketch-distance.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import type { Summary } from '../../src/sketch/summary.ts';
import { loadDigits } from './digits.ts';
import type { Snapshot } from './snapshot.ts';
import { prepareTensorflow } from './tensorflow.ts';
import { trainRun } from './train.ts';
import { type FileOptions, writeSnapshot } from './write-files.ts';

let folder: string;
const snapshots: Snapshot[] = [];

beforeAll(async () => {
  await prepareTensorflow();
  folder = await mkdtemp(join(tmpdir(), 'wsvc-zoo-'));
  const plan = {
    name: 'run',
    architecture: 'mlp',
    seed: 1,
    epochs: 2,
    learningRate: 0.005,
    digits: loadDigits(0, 300),
  };
  for await (const { snapshot } of trainRun({ ...plan, architecture: 'mlp' })) snapshots.push(snapshot);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(index: number, options: FileOptions): Promise<Summary> {
  const snapshot = snapshots[index];
  if (snapshot === undefined) throw new Error('the run has that many checkpoints');
  const name = await writeSnapshot(folder, snapshot, options);
  const checkpoint = await openKnownCheckpoint(directoryFiles(join(folder, name)));
  try {
    return await summarize(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

test.each([{ format: 'pytorch-zip' as const }, { format: 'npz' as const }, { format: 'tfjs' as const }])(
  'one checkpoint in $format and in safetensors has one sketch',
  async ({ format }) => {
    const first = await write(0, { format: 'safetensors', name: 'a' });
    const second = await write(0, { format, name: 'b' });
    expect(second.format).toBe(format);
    expect(second.space).toBe(first.space);
    expect(sketchDistance(first.sketch, second.sketch)).toBeLessThan(1e-5 * first.norm);
    expect(sketchDistance(first.centred, second.centred)).toBeLessThan(1e-4 * Math.hypot(...first.centred));
  },
);

test('half precision and the next epoch are near, in that order', async () => {
  const stored = await write(0, { format: 'safetensors', name: 'c' });
  const half = await write(0, { format: 'npz', name: 'd', dtype: 'f16' });
  const next = await write(1, { format: 'npz', name: 'e' });
  expect(sketchCosine(stored.centred, half.centred)).toBeGreaterThan(0.9999);
  expect(sketchCosine(stored.centred, next.centred)).toBeGreaterThan(0.9);
  expect(sketchCosine(stored.centred, next.centred)).toBeLessThan(sketchCosine(stored.centred, half.centred));
});
