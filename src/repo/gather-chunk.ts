import { type Gather, gatheredRange } from '../codec/gather.ts';
import type { TensorSummary } from '../sketch/summary.ts';
import type { BaseHint } from '../store/blob-store.ts';
import { chunkElements } from '../tensors/chunks.ts';

/** A tensor seen with these sizes, row-major, and then with its axes in this order. */
export type GatherView = Pick<Gather, 'sizes' | 'order'>;

/** The chunks of a stored tensor that a run of its reordered elements takes from; `undefined` when one is missing. */
export function gatherChunk(
  tensor: Pick<TensorSummary, 'chunks' | 'dtype'>,
  view: GatherView,
  { start, count }: { readonly start: number; readonly count: number },
): BaseHint | undefined {
  const step = chunkElements(tensor.dtype);
  const { first, last } = gatheredRange({ ...view, start, skipped: 0 }, count);
  const [from, to] = [Math.floor(first / step), Math.floor(last / step)];
  const blobs = tensor.chunks.slice(from, to + 1);
  if (blobs.length !== to - from + 1) return undefined;
  return { blobs, gather: { ...view, start, skipped: from * step } };
}
