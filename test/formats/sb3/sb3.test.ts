import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../../src/bytes/collect.ts';
import { writeZip } from '../../../src/formats/zip/index.ts';
import { casePath, hasCases, listCases, readCase } from '../../cases.ts';
import { pythonHas, runPython } from '../../peers.ts';
import { contentOf, openBytes, openPath } from '../pytorch/opened.ts';

describe.skipIf(!hasCases)('real agents', () => {
  test.each(listCases('sb3'))('%s: the policy is the checkpoint, its optimizer is not', async (name) => {
    const checkpoint = await openPath(casePath('sb3', name));
    expect(checkpoint.format).toBe('sb3');
    const weights = checkpoint.tensors.filter(({ role }) => role === 'weight');
    expect(weights.length).toBeGreaterThan(1);
    expect(weights.every((tensor) => !tensor.name.includes('optimizer'))).toBe(true);
    expect(checkpoint.declared).toMatchObject({ num_timesteps: expect.any(Number), seed: expect.any(Number) });
    // Also checks that each tensor stands where it says.
    await contentOf(checkpoint);
    await checkpoint.close();
  });

  test.skipIf(!pythonHas('torch'))('the policy is what PyTorch loads', async () => {
    const [name = ''] = listCases('sb3');
    const script = `
import io, json, sys, zipfile, torch
state = torch.load(io.BytesIO(zipfile.ZipFile(sys.argv[1]).read("policy.pth")), map_location="cpu")
print(json.dumps({k: ["f32", list(v.shape), v.numpy().tobytes().hex()] for k, v in state.items()}))`;
    const checkpoint = await openPath(casePath('sb3', name));
    expect(await contentOf(checkpoint)).toMatchObject(JSON.parse(runPython(script, casePath('sb3', name))));
    await checkpoint.close();
  });

  test('a truncated archive is refused', async () => {
    const bytes = readCase('sb3', listCases('sb3')[0] ?? '');
    for (const part of [0.1, 0.5, 0.9, 0.999]) {
      const cut = bytes.subarray(0, Math.floor(bytes.byteLength * part));
      await expect(openBytes(cut, 'agent.zip')).rejects.toMatchObject({ code: 'bad-file' });
    }
  });
});

test('a zip without a policy is refused', async () => {
  const zip = writeZip([
    {
      name: 'data',
      byteLength: 2,
      async *bytes() {
        yield new TextEncoder().encode('{}');
      },
    },
  ]);
  await expect(openBytes(await collectBytes(zip), 'agent.zip')).rejects.toThrow(/must hold policy.pth/);
});
