import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { takeUnits } from '../../src/diff/axis-units.ts';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import { type DiffSide, diffCheckpoints, readFileSide } from '../../src/repo/diff-checkpoints.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { pythonHas, runPythonWith } from '../peers.ts';
import { idOf } from './small-zoo.ts';

const PEERS = ['torch'];
const script = readFileSync(new URL('./write-resized.py', import.meta.url), 'utf8');
const folder = mkdtempSync(path.join(tmpdir(), 'wsvc-resized-'));
const STRANGERS = ['other1', 'other2', 'grown-other1', 'narrower-other1'];

afterAll(() => rmSync(folder, { recursive: true }));

const read = (name: string): Promise<DiffSide> => readFileSide(folder, `${name}.pt`);

/** As checkpoints too large for memory are read. */
function everyOtherRow(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const rows = Uint32Array.from({ length: Math.ceil((tensor.shape[0] ?? 1) / 2) }, (_, i) => 2 * i);
      return [name, tensor.shape.length > 1 ? takeUnits(tensor, 0, rows) : tensor];
    }),
  );
}

async function ask(first: string, second: string) {
  return diffCheckpoints(await read(first), await read(second));
}

describe.skipIf(!pythonHas(...PEERS))('networks that lost units or were given new ones', () => {
  beforeAll(() => {
    runPythonWith(PEERS, script, folder);
  }, 120_000);

  it.each([
    ['gpt', 'gpt-grown', 'head-replaced', 'unknown', 'wte.weight', 'rows 0..256, 31 new rows'],
    ['gpt', 'gpt-grown-bf16', 'head-replaced+cast', 'forward', 'lm_head.weight', 'rows 0..256, 31 new rows'],
    ['gpt', 'gpt-grown-tuned', 'head-replaced+fine-tuned', 'unknown', 'wte.weight', 'rows 0..256, 31 new rows'],
    ['gpt', 'gpt-cut', 'pruned', 'unknown', 'wpe.weight', 'rows 0..15, 8 gone'],
    ['gpt', 'gpt-units', 'pruned', 'forward', 'h.0.attn.out_proj.weight', '24 of 32 columns, 8 gone'],
    ['gpt-units', 'gpt', 'pruned', 'backward', 'h.1.fc1.bias', 'all 58 values, 38 new values'],
    ['gpt', 'gpt-units-f16', 'pruned+cast', 'forward', 'h.1.fc1.weight', '58 of 96 rows, 38 gone'],
    ['gpt', 'gpt-narrower', 'pruned', 'forward', 'h.1.fc2.weight', '24 of 32 rows, 8 gone; 72 of 96 columns, 24 gone'],
    ['gpt', 'gpt-narrower-bf16', 'pruned+cast', 'forward', 'ln_f.weight', '24 of 32 values, 8 gone'],
    ['gpt', 'gpt-wider', 'head-replaced', 'unknown', 'h.0.fc2.weight', 'columns 0..95, 24 new columns'],
    ['gpt', 'gpt-wider-tuned', 'head-replaced+fine-tuned', 'unknown', 'h.0.fc1.weight', 'rows 0..95, 24 new rows'],
    ['cnn', 'cnn-channels', 'pruned', 'forward', 'classifier.1.weight', '124 of 192 columns, 68 gone'],
    ['cnn', 'cnn-channels-f16', 'pruned+cast', 'forward', 'features.1.running_var', '17 of 24 values, 7 gone'],
    ['cnn', 'cnn-channels-tuned', 'pruned+fine-tuned', 'forward', 'features.3.bias', '20 of 32 values, 12 gone'],
  ])('%s to %s is %s', async (first, second, relation, direction, tensor, note) => {
    const verdict = await ask(first, second);
    expect(verdict).toMatchObject({ known: true, relation, direction });
    expect(verdict.pValue).toBeLessThan(1e-50);
    expect(verdict.tensors.find(({ name }) => name === tensor)).toMatchObject({ status: 'reshaped', note });
  });

  it('takes no unit of a stranger for one of its own', async () => {
    const pairs = [...STRANGERS.map((other) => ['gpt', `gpt-${other}`]), ['cnn', 'cnn-other1'], ['cnn', 'cnn-other2']];
    for (const [first = '', second = ''] of pairs)
      expect(await ask(first, second), `${first} ${second}`).toMatchObject({ known: false, relation: 'unrelated' });
  });

  it('leaves out what only some rows of were read', async () => {
    const strided = ({ summary, weights, graph }: DiffSide) => ({ summary, weights: everyOtherRow(weights), graph });
    const [base, pruned] = [strided(await read('gpt')), strided(await read('gpt-units'))];
    const found = await identifyCheckpoint(
      { ...pruned, weights: async () => pruned.weights, axisGraph: async () => pruned.graph },
      memoryArchive([{ id: idOf(0, 0), source: 'gpt', ...base }]),
    );
    expect(found).toMatchObject({ known: true, relation: 'pruned' });
    const unread = found.tensors.filter(({ note }) => note?.startsWith('not compared'));
    expect(unread.map(({ name }) => name)).toContain('h.1.fc1.weight');
    expect(found.tensors.find(({ name }) => name === 'h.1.fc2.weight')?.note).toBe('58 of 96 columns, 38 gone');
  });

  it('names the parent among others, and says tensor by tensor what is left of it', async () => {
    const names = ['gpt', 'gpt-other1', 'cnn'];
    const entries = await Promise.all(
      names.map(async (name, i) => ({ id: idOf(i, 0), source: name, ...(await read(name)) })),
    );
    const { summary, weights, graph } = await read('gpt-narrower-bf16');
    const found = await identifyCheckpoint(
      { summary, weights: async () => weights, axisGraph: async () => graph },
      memoryArchive(entries),
    );
    expect(found).toMatchObject({ known: true, relation: 'pruned+cast', direction: 'forward' });
    expect(found.parents).toEqual([{ id: idOf(0, 0), weight: 1 }]);
    expect(found.tensors.find(({ name }) => name === 'wte.weight')).toEqual({
      name: 'wte.weight',
      match: { id: idOf(0, 0), tensor: 'wte.weight' },
      kind: 'changed',
      note: '24 of 32 columns, 8 gone',
    });
    expect(found.notes.join()).toContain('Tensors of another size: wte.weight (24 of 32 columns, 8 gone)');
  });
});
