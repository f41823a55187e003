import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../../src/bytes/collect.ts';
import { decodeToFloat32 } from '../../../src/tensors/decode.ts';
import { casePath, hasCases, listCases, readCase } from '../../cases.ts';
import { contentOf, openBytes, openPath } from './opened.ts';

/** Shards of a checkpoint, and their index. */
function shardsOf(names: readonly string[]) {
  const files = Object.fromEntries(names.map((name, i) => [`pytorch_model-${i}.bin`, readCase('torch', name)]));
  return { files, fileNames: Object.keys(files) };
}

describe.skipIf(!hasCases)('real files', () => {
  test.each(listCases('torch').filter((name) => name !== 'broken.pt'))('torch/%s', async (name) => {
    const checkpoint = await openPath(casePath('torch', name));
    expect(checkpoint.format).toMatch(/^pytorch/);
    expect(checkpoint.tensors.length).toBeGreaterThan(0);
    expect(checkpoint.unread).toBeUndefined();
    await contentOf(checkpoint);
    await checkpoint.close();
  });

  test('three bytes are no checkpoint', async () => {
    await expect(openPath(casePath('torch', 'broken.pt'))).rejects.toMatchObject({ code: 'bad-file' });
  });

  /** `kind--x.pt` has its twin in `kind.safetensors` or in `x.safetensors`, whichever says more. */
  const twins = new Set(listCases('safetensors'));
  const pairs = listCases('torch').flatMap((torch) => {
    const stems = torch
      .replace('.pt', '')
      .split('--')
      .sort((a, b) => b.length - a.length);
    const twin = stems.map((stem) => `${stem}.safetensors`).find((name) => twins.has(name));
    return twin === undefined ? [] : [[torch, twin] as const];
  });

  test.each(pairs)('%s holds the tensors of %s', async (torch, other) => {
    const checkpoint = await openPath(casePath('torch', torch));
    const twin = await openPath(casePath('safetensors', other));
    const mine = new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor]));
    expect([...mine.keys()].sort()).toEqual(twin.tensors.map((tensor) => tensor.name).sort());
    for (const theirs of twin.tensors) {
      const tensor = mine.get(theirs.name);
      if (tensor === undefined) continue;
      expect([tensor.dtype, tensor.shape]).toEqual([theirs.dtype, theirs.shape]);
      const values = decodeToFloat32(tensor.dtype, await collectBytes(checkpoint.readTensor(tensor)));
      const others = decodeToFloat32(theirs.dtype, await collectBytes(twin.readTensor(theirs)));
      // Some of the pairs were made on two machines, and differ in their last bits.
      for (const [i, value] of values.entries()) expect(Math.abs(value - (others[i] ?? Number.NaN))).toBeLessThan(1e-6);
    }
    await checkpoint.close();
    await twin.close();
  });

  test.each([50000, 80000, 110000, 140000])('a training run at step %i says so', async (step) => {
    const checkpoint = await openPath(casePath('series', 'gomoku', `training_steps_${step}.ckpt`));
    expect(checkpoint.declared).toMatchObject({ training_steps: step });
    expect(checkpoint.tensors.filter(({ role }) => role === 'optimizer').length).toBeGreaterThan(50);
    const weights = checkpoint.tensors.filter(({ role }) => role === 'weight');
    expect(weights.find(({ name }) => name === 'conv_block.0.weight')?.shape).toEqual([40, 17, 3, 3]);
    await checkpoint.close();
  });

  test.each(['model_micro.jit', 'model_mini.jit'])('the scripted module %s', async (name) => {
    const checkpoint = await openPath(casePath('onnx', name));
    const names = checkpoint.tensors.map((tensor) => tensor.name);
    expect(names).toContain('encoder.0.0.dw_conv.0.weight');
    expect(names).toContain('encoder.1.attention.QKV.weight');
    expect(checkpoint.unread).toBeUndefined();
    await contentOf(checkpoint);
    await checkpoint.close();
  });

  test('legacy streams fail at every truncation', async () => {
    const bytes = readCase('torch', 'legacy_shared_storage.pt');
    for (let length = 16; length < bytes.byteLength; length += 1) {
      await expect(openBytes(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'bad-file' });
    }
  });

  test('tars fail at every truncation of what they hold', async () => {
    const bytes = readCase('torch', 'tar_weight_bias.tar');
    for (let length = 512; length < 2679; length += 7) {
      await expect(openBytes(bytes.subarray(0, length))).rejects.toMatchObject({ code: 'bad-file' });
    }
  });
});

describe.skipIf(!hasCases)('shards', () => {
  const { files, fileNames } = shardsOf(['linear--linear.pt', 'simple_legacy@1939d1f44a.pt']);
  const map = {
    'fc1.weight': fileNames[0],
    'fc1.bias': fileNames[0],
    'fc2.weight': fileNames[0],
    weight: fileNames[1],
    bias: fileNames[1],
    running_mean: fileNames[1],
  };
  const openIndex = (weightMap: object, others: Readonly<Record<string, Uint8Array>> = files) =>
    openBytes(
      new TextEncoder().encode(JSON.stringify({ metadata: { total_size: 1 }, weight_map: weightMap })),
      'pytorch_model.bin.index.json',
      others,
    );

  test('are one checkpoint', async () => {
    const checkpoint = await openIndex(map);
    expect(checkpoint.files.map(({ name }) => name)).toEqual(['pytorch_model.bin.index.json', ...fileNames]);
    expect(checkpoint.tensors.map(({ name }) => name).sort()).toEqual(Object.keys(map).sort());
    expect(checkpoint.tensors.map(({ at }) => at?.file)).toEqual([1, 1, 1, 2, 2, 2]);
    await contentOf(checkpoint);
  });

  test('must be there, and hold what the index says', async () => {
    const [first = ''] = fileNames;
    await expect(openIndex(map, { [first]: files[first] ?? new Uint8Array() })).rejects.toThrow(/missing/);
    await expect(openIndex({ ...map, more: fileNames[0] })).rejects.toThrow(/must hold "more"/);
    await expect(openIndex({ ...map, bias: fileNames[0] })).rejects.toThrow(/must hold "bias"/);
    const { bias: _, ...partial } = map;
    await expect(openIndex(partial)).rejects.toThrow(/index must say that "bias"/);
    await expect(openIndex({ ...map, bias: '../x.bin' })).rejects.toThrow(/beside it/);
  });
});
