import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pythonHas, runPython } from '../../peers.ts';
import { contentOf, openPath } from './opened.ts';

type Expected = Record<string, Record<string, unknown>>;

/** Files whose tensors are all read, with exactly the names that PyTorch gives them. */
const WHOLE = [
  ...[2, 3, 4, 5].flatMap((protocol) => [`dtypes-${protocol}.pt`, `shapes-${protocol}.pt`]),
  ...[2, 4].flatMap((protocol) => [`dtypes-legacy-${protocol}.pt`, `shapes-legacy-${protocol}.pt`]),
  ...['state', 'module', 'checkpoint'].flatMap((kind) => [`${kind}-zip.pt`, `${kind}-legacy.pt`]),
  'two-models.pt',
  'list.pt',
  'tensor.pt',
  'parameter.pt',
  'odd-names.pt',
  'quantized.pt',
  'unread.pt',
  'traced.jit',
  'big-endian.pt',
  'deflated.pt',
  'zip64.pt',
  'old.tar',
  'embedded.pt',
];

describe.skipIf(!pythonHas('torch'))('files that PyTorch writes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-torch-'));
  let expected: Expected = {};
  beforeAll(() => {
    const script = readFileSync(new URL('write-cases.py', import.meta.url), 'utf8');
    expected = JSON.parse(runPython(script, folder));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(WHOLE)('%s holds what PyTorch put there', async (name) => {
    const checkpoint = await openPath(join(folder, name));
    const content = await contentOf(checkpoint);
    expect(content).toEqual(expected[name]);
    await checkpoint.close();
  });

  test('every file that was written is tested', () => {
    expect(Object.keys(expected).sort()).toEqual([...WHOLE].sort());
  });

  test('a frozen module has its weights among the constants', async () => {
    const checkpoint = await openPath(join(folder, 'frozen.jit'));
    expect(checkpoint.tensors.map((tensor) => tensor.name)).toContain('constants.0');
    expect(checkpoint.tensors.every((tensor) => tensor.role === 'weight')).toBe(true);
    await checkpoint.close();
  });

  test.each(['zip', 'legacy'])('a %s checkpoint tells roles and what it declares', async (kind) => {
    const checkpoint = await openPath(join(folder, `checkpoint-${kind}.pt`));
    const roles = new Map(checkpoint.tensors.map((tensor) => [tensor.name, tensor.role]));
    expect(roles.get('features.0.weight')).toBe('weight');
    expect(roles.get('features.1.num_batches_tracked')).toBe('state');
    expect(roles.get('optimizer.state.0.exp_avg')).toBe('optimizer');
    expect(roles.get('rng_state')).toBe('state');
    expect(checkpoint.declared).toMatchObject({ epoch: 7, global_step: 123, best_acc: 0.75, optimizer_step: 3 });
    await checkpoint.close();
  });

  test('tied weights stand in one place, strided ones in none, and what is not read is named', async () => {
    const state = await openPath(join(folder, 'state-zip.pt'));
    const [one, other] = state.tensors.filter((tensor) => /heads\.\d\.weight/.test(tensor.name));
    expect(one?.at).toBeDefined();
    expect(one?.at).toEqual(other?.at);
    await state.close();
    const shapes = await openPath(join(folder, 'shapes-2.pt'));
    const verbatim = shapes.tensors.filter((tensor) => tensor.at !== undefined).map((tensor) => tensor.name);
    expect(verbatim).toEqual(['scalar', 'empty', 'empty3', 'special', 'cube', 'tail', 'same', 'one']);
    await shapes.close();
    const unread = await openPath(join(folder, 'unread.pt'));
    expect(unread.unread).toEqual([{ name: 'sparse', reason: expect.stringContaining('_rebuild_sparse_tensor') }]);
    await unread.close();
  });
});
