import { createHash } from 'node:crypto';
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

/** SHA-256 of the f32 values that the package gguf 0.19.0 (`gguf.quants.dequantize`) has for these blocks; zeros without a sign. */
const BY_CODEBOOK: Readonly<Record<string, Case & { readonly sha256: string }>> = {
  IQ2_XXS: {
    type: 16,
    byteLength: 66,
    halves: [0],
    sha256: '3180efe3bd63c6d0a2bd8b1bc4fe5dcb38cd4dd8d30026d3b23a55f17d8e48d2',
  },
  IQ2_XS: {
    type: 17,
    byteLength: 74,
    halves: [0],
    sha256: 'd8f6a4b51cc53118a72e266a2abc19340aa49b50e845749864ce47546d88f86b',
  },
  IQ3_XXS: {
    type: 18,
    byteLength: 98,
    halves: [0],
    sha256: 'eda0986bc438f87af499f1d1ef50763b5baa13e32f1475cb6bc94ae4f35bb570',
  },
  IQ1_S: {
    type: 19,
    byteLength: 50,
    halves: [0],
    sha256: 'e3478ee4cfed724f0e77b63d4960b4e9ad30ed3409dbcbe1e1fb95ea4b460bff',
  },
  IQ3_S: {
    type: 21,
    byteLength: 110,
    halves: [0],
    sha256: 'feadbb64e050da75db872a2263887e5318d8f383de78e43f155476e9948bb7ef',
  },
  IQ2_S: {
    type: 22,
    byteLength: 82,
    halves: [0],
    sha256: 'e42fa89486dbfce230807abee73bf270e3e578e2cfdb57559610f118eb5ebdfe',
  },
  IQ1_M: { type: 29, byteLength: 56, sha256: '3a7ea3fb048e26e45352208bbcf10e7a343715ca926d3db7dbe2fb8390d90a33' },
  NVFP4: { type: 40, byteLength: 36, sha256: '55bda9d63f1a1ab2e71582772d24faf76eafbcb060289b7a566507e7b00d0300' },
};

/** Ten blocks, so that most entries of the smaller codebooks come up. IQ1_M keeps its scale in four nibbles: here 1.5. */
function codebookBlocks(name: string, of: Case): readonly Uint8Array[] {
  return Array.from({ length: 10 }, (_, i) => {
    const block = randomBlock(of, 100 + i);
    for (const [j, nibble] of name === 'IQ1_M' ? [0x0, 0x0, 0xe, 0x3].entries() : []) {
      block[49 + 2 * j] = ((block[49 + 2 * j] ?? 0) & 15) | (nibble << 4);
    }
    return block;
  });
}

test.each(Object.entries(BY_CODEBOOK))('%s decodes to what the package gguf has', (name, of) => {
  const values = codebookBlocks(name, of).flatMap((block) => decode(of, block).map((value) => value + 0));
  expect(values.every(Number.isFinite)).toBe(true);
  expect(new Set(values).size).toBeGreaterThan(20);
  const bytes = new Uint8Array(Float32Array.from(values).buffer);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(of.sha256);
});

test('types that were withdrawn, or that nobody has, are none', () => {
  expect(findElementType(4, 2)).toBeUndefined();
  expect(findElementType(31, 2)).toBeUndefined();
});
