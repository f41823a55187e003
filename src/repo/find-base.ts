import { matchTensors } from '../diff/match-tensors.ts';
import type { BlobId } from '../objects/ids.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import type { FindBase } from './store-checkpoint.ts';

function haveEqualLayout(a: TensorSummary, b: TensorSummary): boolean {
  return a.shape.length === b.shape.length && a.shape.every((n, axis) => n === b.shape[axis]);
}

/**
 * Finds, for each chunk of a new checkpoint, the chunk at the same place of the checkpoint it comes from. Only tensors with
 * the same axes qualify; a type of another width does too (a cast is coded as a recipe).
 */
export function findBaseIn(summary: Summary, base: Summary | undefined): FindBase {
  if (base === undefined) return () => undefined;
  const bases = new Map<string, readonly BlobId[]>();
  const stored = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  const byName = new Map(summary.tensors.map((tensor) => [tensor.name, tensor]));
  for (const pair of matchTensors({ tensors: summary.tensors }, { tensors: base.tensors }).pairs) {
    if (pair.layout !== undefined) continue;
    const [query, candidate] = [byName.get(pair.query), stored.get(pair.candidate)];
    if (query === undefined || candidate === undefined || !haveEqualLayout(query, candidate)) continue;
    bases.set(pair.query, candidate.chunks);
  }
  return (tensor, index) => bases.get(tensor)?.[index];
}
