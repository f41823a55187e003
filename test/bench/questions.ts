import type { AxisGraph } from '../../src/symmetry/axis-graph.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { reorderUnits } from '../lineage/reorder-units.ts';
import type { Scene } from './zoo.ts';

/** An altered checkpoint, and what a right answer says of it. */
export interface Alteration {
  readonly kind: string;
  readonly weights: Weights;
  /** Type of the file that is asked about. */
  readonly dtype?: DType;
  readonly word: string;
  /** Another word that is right as well. */
  readonly also?: string;
}

function headOf(weights: Weights): string {
  return ([...weights.keys()].at(-1) ?? '').split('.')[0] ?? '';
}

function classesOf(weights: Weights): number {
  return [...weights.values()].at(-1)?.shape[0] ?? 0;
}

/** One alteration each; what a network's activation forbids is left out. */
function singleAlterations(
  weights: Weights,
  graph: AxisGraph,
  { architecture }: Scene,
  seed: number,
): readonly Alteration[] {
  const reorder = (flip: boolean, scale: number) => reorderUnits(weights, graph, { seed, flip, scale });
  const head = (classes: number) => alter.replaceHead(weights, headOf(weights), classes, seed);
  return [
    { kind: 'bf16', weights, dtype: 'bf16', word: 'cast' },
    { kind: 'fp16', weights, dtype: 'f16', word: 'cast' },
    { kind: 'int8 per tensor', weights: alter.quantize(weights, 127, alter.perTensor), word: 'quantized' },
    { kind: 'int4 per tensor', weights: alter.quantize(weights, 7, alter.perTensor), word: 'quantized' },
    { kind: 'int8 per channel', weights: alter.quantize(weights, 127, alter.perChannel), word: 'quantized' },
    { kind: 'int4 in blocks', weights: alter.quantize(weights, 7, alter.perBlock), word: 'quantized' },
    ...[1, 5, 20].map((percent) => ({
      kind: `noise ${percent} %`,
      weights: alter.addNoise(weights, percent / 100, seed),
      word: 'perturbed',
    })),
    ...[50, 80, 90].map((percent) => ({
      kind: `pruned ${percent} %`,
      weights: alter.prune(weights, percent / 100),
      word: 'pruned',
    })),
    { kind: 'pruned 80 % over all', weights: alter.prune(weights, 0.8, true), word: 'pruned' },
    { kind: 'head drawn anew', weights: head(classesOf(weights)), word: 'head-replaced' },
    { kind: 'head of another size', weights: head(7), word: 'head-replaced' },
    { kind: 'LoRA of rank 2 merged', weights: alter.addLowRank(weights, 2, 0.2, seed), word: 'low-rank' },
    {
      kind: 'renamed and transposed',
      weights: alter.rename(alter.transpose(weights), (_, i) => `p${i}`),
      word: 'recontained',
    },
    { kind: 'permuted', weights: reorder(false, 0), word: 'permuted' },
    ...(architecture === 'tanh'
      ? [{ kind: 'permuted, signs flipped', weights: reorder(true, 0), word: 'permuted' }]
      : []),
    ...(architecture === 'relu'
      ? [{ kind: 'permuted, rescaled', weights: reorder(false, 0.5), word: 'permuted+rescaled' }]
      : []),
  ];
}

/** Two at once, and one of three. */
function doubleAlterations(
  weights: Weights,
  graph: AxisGraph,
  { architecture }: Scene,
  seed: number,
): readonly Alteration[] {
  const permuted = reorderUnits(weights, graph, { seed });
  const head = (altered: Weights) => alter.replaceHead(altered, headOf(weights), classesOf(weights), seed);
  const int8 = (altered: Weights) => alter.quantize(altered, 127, alter.perTensor);
  const all: readonly Alteration[] = [
    { kind: 'pruned 50 %, bf16', weights: alter.prune(weights, 0.5), dtype: 'bf16', word: 'pruned+cast' },
    { kind: 'pruned 50 %, int8', weights: int8(alter.prune(weights, 0.5)), word: 'pruned+quantized' },
    {
      kind: 'noise 5 %, new head',
      weights: head(alter.addNoise(weights, 0.05, seed)),
      word: 'head-replaced+perturbed',
    },
    { kind: 'noise 5 %, bf16', weights: alter.addNoise(weights, 0.05, seed), dtype: 'bf16', word: 'perturbed+cast' },
    { kind: 'permuted, bf16', weights: permuted, dtype: 'bf16', word: 'permuted+cast' },
    { kind: 'permuted, int4', weights: alter.quantize(permuted, 7, alter.perTensor), word: 'permuted+quantized' },
    { kind: 'permuted, noise 5 %', weights: alter.addNoise(permuted, 0.05, seed), word: 'permuted+perturbed' },
    { kind: 'permuted, pruned 80 %', weights: alter.prune(permuted, 0.8), word: 'permuted+pruned' },
  ];
  if (architecture !== 'relu') return all;
  const rescaled = reorderUnits(weights, graph, { seed, scale: 0.5 });
  return [
    ...all,
    { kind: 'permuted, rescaled, pruned 80 %', weights: alter.prune(rescaled, 0.8), word: 'permuted+rescaled+pruned' },
  ];
}

/** The ways in which one checkpoint is altered. */
export function alterAll(weights: Weights, graph: AxisGraph, scene: Scene, seed: number): readonly Alteration[] {
  return [...singleAlterations(weights, graph, scene, seed), ...doubleAlterations(weights, graph, scene, seed)];
}

/** The ways in which a stranger is altered, to look the more like nothing, or like everything. */
export function alterStranger(weights: Weights, graph: AxisGraph, seed: number): readonly Alteration[] {
  const word = 'unrelated';
  return [
    { kind: 'plain', weights, word },
    { kind: 'pruned 80 %', weights: alter.prune(weights, 0.8), word },
    { kind: 'int4', weights: alter.quantize(weights, 7, alter.perTensor), word },
    { kind: 'permuted', weights: reorderUnits(weights, graph, { seed }), word },
  ];
}
