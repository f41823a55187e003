import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { reorderUnits } from '../lineage/reorder-units.ts';
import { countBlocks, permuteHeads, turnHeads } from './alter-attention.ts';
import { resizePositions, stackBlocks, toHuggingFace } from './alter-blocks.ts';
import type { Alteration } from './questions.ts';
import { SmallTransformer } from './small-transformer.ts';
import { type Scene, trainPlan } from './zoo.ts';
import { TRANSFORMER, takeWeights } from './zoo-transformer.ts';

/** Heads in another order, and parts of heads multiplied by matrices that cancel. */
function attentionAlterations(weights: Weights, graph: AxisGraph, seed: number): readonly Alteration[] {
  const { heads } = TRANSFORMER;
  const permuted = permuteHeads(weights, heads, seed);
  const scores = turnHeads(weights, heads, seed, ['score']);
  const both = turnHeads(weights, heads, seed, ['score', 'value']);
  return [
    { kind: 'heads permuted', weights: permuted, word: 'permuted' },
    { kind: 'heads, stream and units permuted', weights: reorderUnits(permuted, graph, { seed }), word: 'permuted' },
    { kind: 'heads permuted, bf16', weights: permuted, dtype: 'bf16', word: 'permuted+cast' },
    {
      kind: 'heads permuted, noise 5 %',
      weights: alter.addNoise(permuted, 0.05, seed),
      word: 'permuted+perturbed',
      // Products do not depend on the order of heads: what made them the same need not be told.
      also: 'rescaled+perturbed',
    },
    { kind: 'query, key multiplied', weights: scores, word: 'rescaled' },
    { kind: 'query, key, value, output multiplied', weights: both, word: 'rescaled' },
    { kind: 'all four multiplied, bf16', weights: both, dtype: 'bf16', word: 'rescaled+cast' },
    { kind: 'all four multiplied, noise 5 %', weights: alter.addNoise(both, 0.05, seed), word: 'rescaled+perturbed' },
    { kind: 'LoRA on attention merged', weights: addToAttention(weights, seed), word: 'low-rank' },
  ];
}

function addToAttention(weights: Weights, seed: number): Weights {
  const changed = alter.addLowRank(weights, 2, 0.2, seed);
  return new Map(
    [...weights].map(([name, tensor]) => [name, (name.includes('.attn.') && changed.get(name)) || tensor]),
  );
}

/** Blocks left out, repeated and new, and tables of another size. */
function shapeAlterations(weights: Weights, seed: number): readonly Alteration[] {
  const order = Array.from({ length: countBlocks(weights) }, (_, i) => i);
  const drawn = takeWeights(new SmallTransformer(TRANSFORMER, seed + 77));
  return [
    { kind: 'first block dropped', weights: stackBlocks(weights, order.slice(1)), word: 'pruned' },
    { kind: 'last block dropped', weights: stackBlocks(weights, order.slice(0, -1)), word: 'pruned' },
    { kind: 'last block twice', weights: stackBlocks(weights, [...order, order.length - 1]), word: 'head-replaced' },
    { kind: 'a block drawn anew', weights: stackBlocks(weights, [...order, -1], drawn), word: 'head-replaced' },
    { kind: 'positions of 3 × 3 patches', weights: resizePositions(weights, 3), word: 'head-replaced' },
    { kind: 'query, key, value apart, renamed', weights: toHuggingFace(weights), word: 'recontained' },
  ];
}

/** One epoch on other examples in which all but the last block and the head stayed as they were. */
async function trainFrozen(weights: Weights, scene: Scene, seed: number): Promise<Alteration> {
  const last = `blocks.${countBlocks(weights) - 1}.`;
  const isFrozen = (name: string) => !name.startsWith(last) && !/^(norm|head)\./.test(name);
  const plan = { scene, seed: 100_000 * seed + 60_000, epochs: 1, start: weights, isFrozen, fork: 'subset' } as const;
  const [trained = weights] = await trainPlan(plan);
  return { kind: 'an epoch, first block frozen', weights: trained, word: 'fine-tuned', also: 'forked' };
}

/** The ways in which a transformer is altered that other networks cannot be. */
export async function alterTransformer(
  weights: Weights,
  graph: AxisGraph,
  scene: Scene,
  seed: number,
): Promise<readonly Alteration[]> {
  if (scene.architecture !== 'transformer') return [];
  return [
    ...attentionAlterations(weights, graph, seed),
    ...shapeAlterations(weights, seed),
    await trainFrozen(weights, scene, seed),
  ];
}

/** The ways in which a transformer is altered that is related to nothing. */
export function alterStrangeTransformer(weights: Weights, scene: Scene, seed: number): readonly Alteration[] {
  if (scene.architecture !== 'transformer') return [];
  const { heads } = TRANSFORMER;
  const word = 'unrelated';
  return [
    { kind: 'heads permuted', weights: permuteHeads(weights, heads, seed), word },
    { kind: 'all four multiplied', weights: turnHeads(weights, heads, seed, ['score', 'value']), word },
    { kind: 'last block dropped', weights: stackBlocks(weights, [0]), word },
    { kind: 'query, key, value apart, renamed', weights: toHuggingFace(weights), word },
  ];
}
