import { memorySource } from '../../src/bytes/memory-source.ts';
import type { OpenCheckpoint, TensorEntry } from '../../src/formats/format.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import type { Summary } from '../../src/sketch/summary.ts';
import type { Weights } from '../../src/tensors/weights.ts';

/** Weights in memory as an open checkpoint: one f32 file, the tensors one after the other. */
export function openWeights(weights: Weights, name = 'model'): OpenCheckpoint {
  const pieces = [...weights].map(([tensor, { shape, data }]) => ({
    tensor,
    shape,
    bytes: new Uint8Array(data.slice().buffer),
  }));
  const file = new Uint8Array(pieces.reduce((sum, { bytes }) => sum + bytes.byteLength, 0));
  let offset = 0;
  const tensors = pieces.map(({ tensor, shape, bytes }): TensorEntry => {
    file.set(bytes, offset);
    const at = { file: 0, offset, byteLength: bytes.byteLength };
    offset += bytes.byteLength;
    return { name: tensor, dtype: 'f32', shape, role: 'weight', at };
  });
  return {
    format: 'npz',
    files: [{ name, source: memorySource(file) }],
    tensors,
    declared: {},
    async *readTensor({ at }) {
      if (at) yield file.subarray(at.offset, at.offset + at.byteLength);
    },
    close: async () => undefined,
  };
}

/** The summary of weights in memory. */
export async function summarizeWeights(weights: Weights): Promise<Summary> {
  return summarize(openWeights(weights));
}
