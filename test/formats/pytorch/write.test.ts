import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { collectBytes } from '../../../src/bytes/collect.ts';
import { sha256Hex } from '../../../src/bytes/sha256.ts';
import { writePytorch } from '../../../src/formats/pytorch/index.ts';
import type { WritableTensor } from '../../../src/formats/writer.ts';
import { type DType, elementByteLength, elementCount } from '../../../src/tensors/dtype.ts';
import { pythonHas, runPython } from '../../peers.ts';
import { contentOf, openBytes } from './opened.ts';

function tensorOf(name: string, dtype: DType, shape: readonly number[]): WritableTensor {
  const byteLength = elementCount(shape) * elementByteLength(dtype);
  // Bytes below 2 are values of every type.
  const bytes = new Uint8Array(byteLength).map((_, i) => (i * 7 + byteLength) % 2);
  return {
    name,
    dtype,
    shape,
    async *bytes() {
      yield bytes;
    },
  };
}

const TYPED = ['f64', 'f32', 'f16', 'bf16', 'i64', 'i32', 'i16', 'i8', 'u8', 'bool', 'c64', 'c128'] as const;
const UNTYPED = ['f8_e4m3', 'f8_e5m2', 'u64', 'u32', 'u16'] as const;
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['scalar', []],
  ['empty', [2, 0, 3]],
  ['層.weight', [2, 3, 4]],
  ['__proto__', [5]],
];

async function write(tensors: readonly WritableTensor[]): Promise<Uint8Array> {
  const [file] = writePytorch.write(tensors, { fileName: 'model.pt' });
  if (file === undefined) throw new Error('Nothing was written.');
  return collectBytes(file.bytes());
}

const typed = () => [
  ...TYPED.map((dtype) => tensorOf(dtype, dtype, [3, 2])),
  ...SHAPES.map(([name, shape]) => tensorOf(name, 'f32', shape)),
];

async function expectedOf(tensors: readonly WritableTensor[]): Promise<Record<string, unknown>> {
  const pairs: [string, unknown][] = [];
  for (const { name, dtype, shape, bytes } of tensors) {
    pairs.push([name, [dtype, shape, Buffer.from(await collectBytes(bytes())).toString('hex')]]);
  }
  return Object.fromEntries(pairs);
}

describe('writing', () => {
  test('what is written reads back in place, for every type', async () => {
    const tensors = [...typed(), ...UNTYPED.map((dtype) => tensorOf(dtype, dtype, [3, 2]))];
    const checkpoint = await openBytes(await write(tensors));
    expect(await contentOf(checkpoint)).toEqual(await expectedOf(tensors));
    for (const { at } of checkpoint.tensors) expect((at?.offset ?? 1) % 64).toBe(0);
  });

  test('the same tensors give the same bytes', async () => {
    expect(sha256Hex(await write(typed()))).toBe(sha256Hex(await write(typed())));
  });

  test.skipIf(!pythonHas('torch'))('PyTorch loads it, weights only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wsvc-torch-'));
    const path = join(folder, 'model.pt');
    writeFileSync(path, await write(typed()));
    const script = `
import json, sys, torch
state = torch.load(sys.argv[1], weights_only=True)
def raw(t):
    return (t.view(torch.int16) if t.dtype == torch.bfloat16 else t).numpy().tobytes().hex()
print(json.dumps([type(state).__name__, {k: [str(v.dtype), list(v.shape), raw(v), v.is_contiguous()] for k, v in state.items()}]))`;
    const [kind, loaded] = JSON.parse(runPython(script, path));
    rmSync(folder, { recursive: true });
    expect(kind).toBe('OrderedDict');
    const expected = Object.entries(await expectedOf(typed()));
    expect(Object.keys(loaded)).toEqual(expected.map(([name]) => name));
    for (const [name, value] of expected) {
      const [, shape, hex] = value as [DType, number[], string];
      expect(loaded[name].slice(1)).toEqual([shape, hex, true]);
    }
  });
});
