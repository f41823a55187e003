import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { pythonHas, runPythonWith } from '../peers.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, openIn, saveFiles } from './workspace.ts';

const temporary = temporaryFolders();
const SCRIPT = new URL('make-recipes.py', import.meta.url);
const PEERS = ['torch', 'onnx', 'h5py', 'numpy'];

/**
 * What each may take of its own bytes: rounding of a stored float .01; an exact copy in another order below .002; the scales of blocks
 * of 256, which writers search for, are .11 and .09 of them.
 */
const LIMITS = {
  'model-Q8_0.gguf': 0.01,
  'model-Q5_0.gguf': 0.01,
  'model-Q4_K.gguf': 0.115,
  'model-Q5_K.gguf': 0.095,
  'model-Q6_K.gguf': 0.09,
  'int8.onnx': 0.01,
  'turned.pt': 0.002,
} as const;

describe.skipIf(!pythonHas(...PEERS))('what other tools made of a stored model', () => {
  it('is stored as a recipe, whatever its names, container, order of axes and of rows', async () => {
    const folder = await temporary();
    await createIn(folder);
    runPythonWith(PEERS, await readFile(SCRIPT, 'utf8'), folder, '11');
    await saveFiles(folder, [path.join(folder, 'model.safetensors')]);
    const files = Object.keys(LIMITS).map((name) => path.join(folder, name));
    const { added } = await finish(addFiles(await openIn(folder), files));
    for (const { path: name, storedBytes, bytes } of added) {
      expect(storedBytes / bytes, name).toBeLessThan(LIMITS[name as keyof typeof LIMITS]);
    }
    expect(added).toHaveLength(files.length);
    const { findings } = await finish(checkRepository(await openIn(folder), { level: 'content' }));
    expect(findings).toEqual([]);
  }, 240_000);
});
