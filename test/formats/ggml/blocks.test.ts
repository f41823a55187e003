import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findElementType } from '../../../src/formats/ggml/element-types.ts';
import type { QuantVersion } from '../../../src/formats/ggml/short-blocks.ts';
import { encodeFromFloat32 } from '../../../src/tensors/encode.ts';
import { pythonHas, runPythonWith } from '../../peers.ts';
import { seededNumbers } from '../mutations.ts';

interface Case {
  readonly type: number;
  readonly version?: QuantVersion;
  readonly byteLength: number;
  readonly halves?: readonly number[];
  readonly singles?: readonly number[];
}

/** Sizes of blocks are those of ggml's `static_assert`s; scales are given so that no value is NaN. */
const CASES: Readonly<Record<string, Case>> = {
  Q4_0: { type: 2, byteLength: 18, halves: [0] },
  Q4_1: { type: 3, byteLength: 20, halves: [0, 2] },
  Q5_0: { type: 6, byteLength: 22, halves: [0] },
  Q5_1: { type: 7, byteLength: 24, halves: [0, 2] },
  Q8_0: { type: 8, byteLength: 34, halves: [0] },
  Q8_1: { type: 9, byteLength: 36, halves: [0] },
  'Q4_0 v0': { type: 2, version: 0, byteLength: 20, singles: [0] },
  'Q4_1 v0': { type: 3, version: 0, byteLength: 24, singles: [0, 4] },
  'Q5_0 v0': { type: 6, version: 0, byteLength: 22, halves: [0] },
  'Q5_1 v0': { type: 7, version: 0, byteLength: 24, halves: [0, 2] },
  'Q8_0 v0': { type: 8, version: 0, byteLength: 36, singles: [0] },
  'Q4_0 v1': { type: 2, version: 1, byteLength: 20, singles: [0] },
  'Q4_1 v1': { type: 3, version: 1, byteLength: 24, singles: [0, 4] },
  Q2_K: { type: 10, byteLength: 84, halves: [80, 82] },
  Q3_K: { type: 11, byteLength: 110, halves: [108] },
  Q4_K: { type: 12, byteLength: 144, halves: [0, 2] },
  Q5_K: { type: 13, byteLength: 176, halves: [0, 2] },
  Q6_K: { type: 14, byteLength: 210, halves: [208] },
  Q8_K: { type: 15, byteLength: 292, singles: [0] },
  IQ4_NL: { type: 20, byteLength: 18, halves: [0] },
  IQ4_XS: { type: 23, byteLength: 136, halves: [0] },
  MXFP4: { type: 39, byteLength: 17 },
  TQ1_0: { type: 34, byteLength: 54, halves: [52] },
  TQ2_0: { type: 35, byteLength: 66, halves: [64] },
};

function randomBlock({ byteLength, halves = [], singles = [] }: Case, seed: number): Uint8Array {
  const random = seededNumbers(seed);
  const bytes = Uint8Array.from({ length: byteLength }, () => random(256));
  const scale = () => Float32Array.of((random(20_000) - 10_000) / 7919);
  for (const at of halves) bytes.set(encodeFromFloat32('f16', scale()), at);
  for (const at of singles) bytes.set(encodeFromFloat32('f32', scale()), at);
  return bytes;
}

function decode({ type, version = 2 }: Case, bytes: Uint8Array): readonly number[] {
  const found = findElementType(type, version);
  if (found === undefined || !('block' in found)) throw new Error('no block');
  expect(found.block.byteLength).toBe(bytes.byteLength);
  const out = new Float32Array(found.block.elements);
  found.block.decode?.(bytes, 0, out, 0);
  return [...out];
}

describe.skipIf(!pythonHas('numpy'))('blocks decode to what a reference in Python computes', () => {
  test.each([1, 2, 3])('random blocks, seed %d', (seed) => {
    const blocks = Object.entries(CASES).map(([name, of]) => [name, randomBlock(of, seed)] as const);
    const path = join(mkdtempSync(join(tmpdir(), 'wsvc-blocks-')), 'blocks.json');
    writeFileSync(
      path,
      JSON.stringify(Object.fromEntries(blocks.map(([name, b]) => [name, Buffer.from(b).toString('hex')]))),
    );
    const script = readFileSync(new URL('reference.py', import.meta.url), 'utf8');
    const expected = JSON.parse(runPythonWith(['numpy'], script, path));
    for (const [name, bytes] of blocks) {
      const of = CASES[name];
      if (of === undefined) continue;
      // -0 and 0 are one value.
      expect([name, decode(of, bytes).map((value) => value + 0)]).toEqual([
        name,
        expected[name].map((value: number) => value + 0),
      ]);
    }
  });
});

test('blocks by codebook are known by their size, and not decoded', () => {
  const sizes = { 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82, 29: 56 };
  for (const [type, byteLength] of Object.entries(sizes)) {
    expect(findElementType(Number(type), 2)).toMatchObject({ block: { elements: 256, byteLength } });
    expect(findElementType(Number(type), 2)).not.toHaveProperty('block.decode');
  }
  expect(findElementType(4, 2)).toBeUndefined();
  expect(findElementType(31, 2)).toBeUndefined();
});
