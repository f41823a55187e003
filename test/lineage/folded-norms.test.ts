import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffCheckpoints, readFileSide } from '../../src/repo/diff-checkpoints.ts';
import { casePath, hasCases } from '../cases.ts';
import { pythonHas, runPythonWith } from '../peers.ts';

const PEERS = ['torch', 'onnx'];
const script = readFileSync(new URL('./write-folded.py', import.meta.url), 'utf8');
const folder = mkdtempSync(path.join(tmpdir(), 'wsvc-folded-'));

afterAll(() => rmSync(folder, { recursive: true }));

async function ask(first: string, second: string) {
  return diffCheckpoints(await readFileSide(folder, first), await readFileSide(folder, second));
}

describe.skipIf(!pythonHas(...PEERS))('batch norms folded into the layers before them', () => {
  beforeAll(() => {
    runPythonWith(PEERS, script, folder);
  });

  it.each([
    ['1.pt', '1.folded.pt', 'rescaled', 'forward'],
    ['1.folded.pt', '1.pt', 'rescaled', 'backward'],
    ['2.pt', '2.onnx', 'rescaled', 'forward'],
    ['1.pt', '1.half.pt', 'rescaled+cast', 'forward'],
    ['2.pt', '2.int8.pt', 'rescaled+quantized', 'forward'],
    ['2.int8.pt', '2.pt', 'rescaled+quantized', 'backward'],
    ['2.pt', '2.bf16.pt', 'rescaled+cast', 'forward'],
    ['1.plain8.pt', '1.folded.pt', 'rescaled+quantized', 'siblings'],
    ['1.onnx', '1.plain8.pt', 'rescaled+quantized', 'siblings'],
    ['2.plain8.pt', '2.half.pt', 'rescaled+quantized', 'siblings'],
    ['1.pt', '1.noise.pt', 'rescaled+perturbed', 'forward'],
    ['1.plainhalf.pt', '1.folded.pt', 'rescaled+cast', 'siblings'],
    ['2.folded.pt', '2.plainhalf.pt', 'rescaled+cast', 'siblings'],
    ['1.noise.pt', '1.pt', 'rescaled+perturbed', 'backward'],
    ['2.pt', '2.pruned.pt', 'rescaled+pruned', 'forward'],
    ['1.pt', '1.head.pt', 'rescaled+head-replaced', 'forward'],
  ])('%s to %s is %s', async (first, second, relation, direction) => {
    const verdict = await ask(first, second);
    expect(verdict).toMatchObject({ known: true, relation, direction });
    expect(verdict.notes.join()).toContain('Normalisation was folded');
    expect(verdict.tensors.filter(({ kind }) => kind === 'folded').length).toBeGreaterThanOrEqual(8);
  });

  it.each([
    ['1.pt', '2.noise.pt'],
    ['1.plain8.pt', '2.tuned.pt'],
    ['1.pt', '2.folded.pt'],
    ['1.onnx', '2.pt'],
  ])('%s to %s is no fold', async (first, second) => {
    const verdict = await ask(first, second);
    expect(verdict.relation).not.toContain('rescaled');
    expect(verdict.notes.join()).not.toContain('folded');
    if (first[0] !== second[0]) expect(verdict.known).toBe(false);
  });

  it('leaves what only a training keeps out of the comparison', async () => {
    const { relation, tensors, notes } = await ask('1.training.pt', '1.after.pt');
    expect(relation).toBe('recontained');
    expect(new Set(tensors.map(({ status }) => status))).toEqual(new Set(['same']));
    expect(notes.join()).toContain('A alone holds optimizer state');
  });
});

describe.skipIf(!hasCases)('a published graph with folded norms', () => {
  it('comes from one original with the quantised module that has them', async () => {
    const [graph, archive] = [casePath('onnx', 'model_micro.onnx'), casePath('onnx', 'model_micro.jit')];
    for (const [first, second] of [
      [graph, archive],
      [archive, graph],
    ] as const) {
      const verdict = await ask(first, second);
      expect(verdict).toMatchObject({ known: true, relation: 'rescaled+quantized', direction: 'siblings' });
      expect(verdict.notes.join()).toContain('Normalisation was folded into 3 layers');
    }
  });
});
