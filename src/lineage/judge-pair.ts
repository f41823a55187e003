import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { Weights } from '../tensors/weights.ts';
import { readDeclaredProgress } from './declared-order.ts';
import { identifyCheckpoint } from './identify.ts';
import { memoryArchive } from './memory-archive.ts';
import type { Identification } from './model.ts';

/** One of two checkpoints that are held against each other, whole. */
export interface PairSide {
  readonly id: ManifestId;
  readonly name: string;
  readonly summary: Summary;
  readonly weights: Weights;
  readonly graph: AxisGraph;
}

/** What can only have been done to the later of two: nothing brings back what rounding or pruning took, nor the statistics that folding did. */
const ONE_WAY = new Set(['pruned', 'quantized', 'cast']);
/** What may be read either way from two checkpoints alone, and where a file's own counters settle the tie. */
const ALONG_TIME = new Set(['fine-tuned', 'next', 'between', 'perturbed', 'low-rank', 'head-replaced']);

/**
 * Says whether one of two checkpoints comes from the other. `forward`: the second comes from the first. The question is asked both ways where the
 * first answer is no; the direction is only what the values show, or else what both files declare of their progress.
 */
export async function judgePair(first: PairSide, second: PairSide): Promise<Identification> {
  const forward = await ask(first, second);
  const found = forward.known ? forward : turnAround(await ask(second, first), forward);
  return found.known ? withDirection(found, first, second) : found;
}

function ask(from: PairSide, to: PairSide): Promise<Identification> {
  const archive = memoryArchive([{ ...from, source: from.name, trajectory: from.name, position: 0 }]);
  const { summary, weights, graph } = to;
  return identifyCheckpoint({ summary, weights: async () => weights, axisGraph: async () => graph }, archive);
}

function turnAround(backward: Identification, forward: Identification): Identification {
  if (!backward.known) return forward;
  const turned = { forward: 'backward', backward: 'forward', siblings: 'siblings', unknown: 'unknown' } as const;
  return { ...backward, direction: turned[backward.direction] };
}

function withDirection(found: Identification, first: PairSide, second: PairSide): Identification {
  const words = found.relation.split('+');
  const isOneWay = words.some((word) => ONE_WAY.has(word) && !(word === 'pruned' && found.isCutAtEnd));
  if (found.direction === 'siblings' || found.folded || isOneWay) return found;
  const declared = words.some((word) => ALONG_TIME.has(word)) ? declaredDirection(first, second) : undefined;
  if (declared === undefined) return { ...found, direction: 'unknown' };
  return {
    ...found,
    direction: declared,
    notes: [...found.notes, 'The direction is what the files say of their progress.'],
  };
}

function declaredDirection(first: PairSide, second: PairSide): 'forward' | 'backward' | undefined {
  const progress = readDeclaredProgress(
    [first, second].map(({ id, name, summary }) => ({ id, summary, source: name })),
  );
  const [before = 0, after = 0] = progress ?? [];
  return before === after ? undefined : before < after ? 'forward' : 'backward';
}
