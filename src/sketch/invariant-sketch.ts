import type { OpenCheckpoint } from '../formats/format.ts';
import { readWeights } from '../formats/read-weights.ts';
import { inferAxisGraph } from '../symmetry/infer-axes.ts';
import { computeInvariants } from '../symmetry/invariants.ts';
import { addValues, createSketchSums, finishSketch, type SketchSums, sketchSeed } from './count-sketch.ts';
import { BLOCK_ELEMENTS } from './element-places.ts';
import { channelsFirstShape } from './tensor-pass.ts';

/** Weights up to which invariants are computed: balancing and sorting cost a microsecond or two a weight, all else together .03. */
const MAX_PARAMETERS = 1024 * 1024;

/** Profiles of one length share a seed, so that names and order do not matter. */
function addProfile(sums: SketchSums, profile: Float32Array): void {
  const seed = sketchSeed(`invariants of ${profile.length}`);
  const indexes = new Int32Array(BLOCK_ELEMENTS);
  for (let from = 0; from < profile.length; from += BLOCK_ELEMENTS) {
    const count = Math.min(BLOCK_ELEMENTS, profile.length - from);
    for (let i = 0; i < count; i += 1) indexes[i] = from + i;
    addValues(sums, seed, profile, from, count, indexes);
  }
}

/**
 * Sketches what permuting and rescaling hidden units does not change.
 *
 * @returns SKETCH_LENGTH values; `undefined` when the checkpoint is large, or its hidden units are not known.
 */
export async function sketchInvariants(
  checkpoint: OpenCheckpoint,
  parameters: number,
): Promise<Float32Array | undefined> {
  if (parameters > MAX_PARAMETERS) return undefined;
  const tensors = checkpoint.tensors.map((entry) => ({ ...entry, shape: channelsFirstShape(entry) }));
  const graph = inferAxisGraph(tensors, checkpoint.graph);
  if (graph.tensors.size === 0) return undefined;
  const sums = createSketchSums();
  for (const profile of computeInvariants(await readWeights(checkpoint), graph).values()) addProfile(sums, profile);
  return finishSketch(sums);
}
