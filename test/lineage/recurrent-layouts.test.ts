import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diffCheckpoints, readFileSide } from '../../src/repo/diff-checkpoints.ts';
import { pythonHas, runPythonWith } from '../peers.ts';

const PEERS = ['torch', 'onnx', 'h5py', 'numpy'];
const script = readFileSync(new URL('./write-recurrent.py', import.meta.url), 'utf8');
const folder = mkdtempSync(path.join(tmpdir(), 'wsvc-recurrent-'));

afterAll(() => rmSync(folder, { recursive: true }));

/** A is what the first file holds, B the second. */
async function ask(first: string, second: string) {
  return diffCheckpoints(await readFileSide(folder, first), await readFileSide(folder, second));
}

describe.skipIf(!pythonHas(...PEERS))('a recurrent network of two layers and directions', () => {
  beforeAll(() => {
    runPythonWith(PEERS, script, folder);
  });

  it.each([
    ['LSTM-1.pt', 'LSTM-1.onnx', 'recontained'],
    ['LSTM-1.onnx', 'LSTM-1.pt', 'recontained'],
    ['LSTM-1.pt', 'LSTM-1.h5', 'recontained'],
    ['LSTM-1.h5', 'LSTM-1.pt', 'recontained'],
    ['LSTM-1.half.pt', 'LSTM-1.onnx', 'cast'],
    ['GRU-1.pt', 'GRU-1.onnx', 'recontained'],
    ['GRU-1.pt', 'GRU-1.h5', 'recontained'],
    ['GRU-1.onnx', 'GRU-1.h5', 'recontained'],
    ['GRU-1.h5', 'GRU-1.half.pt', 'cast'],
  ])('%s to %s is %s, tensor by tensor', async (first, second, relation) => {
    const { known, relation: word, tensors } = await ask(first, second);
    expect({ known, word }).toEqual({ known: true, word: relation });
    const weights = tensors.filter(({ name }) => !/Constant|Concat|squeeze|bias/i.test(name));
    expect(weights.length).toBeGreaterThanOrEqual(5);
    for (const { kind } of weights) expect(['same', 'turned', 'rounding']).toContain(kind);
  });

  it.each([
    ['LSTM-1.pt', 'LSTM-2.onnx'],
    ['LSTM-2.h5', 'LSTM-1.onnx'],
    ['GRU-1.pt', 'GRU-2.h5'],
    ['GRU-2.onnx', 'GRU-1.pt'],
  ])('%s and %s are strangers', async (first, second) => {
    expect((await ask(first, second)).known).toBe(false);
  });
});
