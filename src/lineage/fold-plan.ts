import { bringInto } from '../diff/bring-into.ts';
import { matchTensors } from '../diff/match-tensors.ts';
import { sourceName } from '../diff/tensor-pair.ts';
import { groupBy } from '../symmetry/group-by.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { type FoldPlan, type FoldStep, foldBias } from './apply-folds.ts';
import { type FitOfScale, fitScale } from './fit-norm-scale.ts';
import { moduleOf } from './shared-values.ts';

/** A normalisation keeps mean and variance, and may have gain and offset. */
const VECTORS = { least: 2, most: 4 };

const isMatrix = ({ shape }: WeightArray) => shape.length > 1;
const matricesOf = (weights: Weights): Weights => new Map([...weights].filter(([, tensor]) => isMatrix(tensor)));
const setOf = (weights: Weights) => ({
  tensors: [...weights].map(([name, { shape }]) => ({ name, shape })),
  weights,
});

/**
 * Plans how the normalisations of one checkpoint are folded into the layers before them, so that it resembles another that has fewer vectors. Nothing
 * is proved by it: values may have been rounded, or trained on, since. What the fold makes of the first checkpoint is then compared as any other is.
 */
export function planFolds(plain: Weights, folded: Weights): FoldPlan | undefined {
  const norms = normsOf(plain, folded);
  if (norms.size === 0) return undefined;
  const [own, others] = [matricesOf(plain), matricesOf(folded)];
  const { pairs } = matchTensors(setOf(own), setOf(others));
  const brought = bringInto(pairs, others);
  const steps: FoldStep[] = [];
  let logChoices = 0;
  for (const [norm, vectors] of norms) {
    const taken = new Set(steps.map(({ matrix }) => matrix));
    const free = [...own.keys()].filter((name) => !taken.has(name) && brought.has(name));
    const { best, tried } = bestFit(norm, vectors, free, { plain, brought });
    if (!best) continue;
    logChoices += Math.log(tried);
    const choice = chooseBias(best, plain, folded);
    logChoices += Math.log(choice.tried);
    steps.push({ ...best, ...choice.names, folded: sourceName(pairs, best.matrix) ?? best.matrix });
  }
  return steps.length > 0 ? { steps, logChoices } : undefined;
}

/** The modules that are normalisations by their vectors, of whose length the other file has fewer. */
function normsOf(plain: Weights, folded: Weights): ReadonlyMap<string, readonly string[]> {
  const modules = groupBy(plain.keys(), moduleOf);
  const [own, others] = [countVectors(plain), countVectors(folded)];
  return new Map(
    [...modules].filter(([, names]) => {
      const lengths = new Set(names.map((name) => plain.get(name)?.data.length ?? 0));
      const [length = 0] = lengths;
      const areVectors = names.every((name) => plain.get(name)?.shape.length === 1) && lengths.size === 1;
      // Two vectors are gain and offset of a normalisation without statistics, which nobody folds, unless one is called a variance.
      const hasVariance = names.length > VECTORS.least || names.some((name) => /var/i.test(name));
      const isOfNorm = areVectors && hasVariance && names.length >= VECTORS.least && names.length <= VECTORS.most;
      return isOfNorm && length > 1 && (others.get(length) ?? 0) < (own.get(length) ?? 0);
    }),
  );
}

function countVectors(weights: Weights): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const { shape, data } of weights.values())
    if (shape.length === 1) counts.set(data.length, (counts.get(data.length) ?? 0) + 1);
  return counts;
}

type Candidate = Pick<FoldStep, 'matrix' | 'axis' | 'norm' | 'variance' | 'gain' | 'epsilon' | 'vectors'>;

function bestFit(
  norm: string,
  vectors: readonly string[],
  matrices: readonly string[],
  { plain, brought }: { readonly plain: Weights; readonly brought: Weights },
): { readonly best: Candidate | undefined; readonly tried: number } {
  const length = plain.get(vectors[0] ?? '')?.data.length ?? 0;
  let best: (Candidate & { readonly fit: FitOfScale }) | undefined;
  let tried = 0;
  for (const matrix of matrices) {
    const [own, other] = [plain.get(matrix), brought.get(matrix)];
    if (!own || own.data.length !== other?.data.length) continue;
    for (const axis of own.shape.keys()) {
      if (own.shape[axis] !== length) continue;
      for (const { variance, gain } of rolesOf(vectors, plain)) {
        const gains = gain ? dataOf(plain, gain) : undefined;
        const fit = fitScale(own, other, axis, dataOf(plain, variance), gains);
        tried += fit.tried;
        if (!fit.isFold || (best && best.fit.misfit <= fit.misfit)) continue;
        best = { matrix, axis, norm, variance, ...(gain ? { gain } : {}), epsilon: fit.epsilon, vectors, fit };
      }
    }
  }
  return { best, tried: Math.max(tried, 1) };
}

const dataOf = (weights: Weights, name: string): Float32Array => weights.get(name)?.data ?? new Float32Array(0);

/** Which of a normalisation's vectors may be its variance, which its gain; it need not have a gain. */
function rolesOf(vectors: readonly string[], weights: Weights) {
  const variances = vectors.filter((name) => dataOf(weights, name).every((x) => x >= 0));
  return variances.flatMap((variance) => {
    const gains = vectors.length > VECTORS.least ? vectors.filter((name) => name !== variance) : [undefined];
    return gains.map((gain) => ({ variance, gain }));
  });
}

type BiasNames = Pick<FoldStep, 'mean' | 'offset' | 'bias'>;

/** Which of the vectors that are left is the mean, which the offset: whichever leaves what lies nearest to a vector of the folded file. */
function chooseBias(step: Candidate, plain: Weights, folded: Weights): { names: BiasNames; tried: number } {
  const left = step.vectors.filter((name) => name !== step.variance && name !== step.gain);
  const length = dataOf(plain, step.variance).length;
  const bias = [...plain.keys()].find(
    (name) => moduleOf(name) === moduleOf(step.matrix) && name !== step.matrix && isOfLength(plain, name, length),
  );
  const orders = left.length > 1 ? [left, [...left].reverse()] : [left];
  const targets = [...folded.values()].filter(({ shape, data }) => shape.length === 1 && data.length === length);
  const rated = orders.map(([mean, offset]) => {
    const names = { ...(mean ? { mean } : {}), ...(offset ? { offset } : {}), ...(bias ? { bias } : {}) };
    const made = foldBias({ ...step, ...names, folded: '' }, plain).data;
    return { names, distance: Math.min(...targets.map(({ data }) => distance(made, data))) };
  });
  const best = rated.reduce((a, b) => (b.distance < a.distance ? b : a));
  return { names: best.names, tried: orders.length };
}

function isOfLength(weights: Weights, name: string, length: number): boolean {
  const tensor = weights.get(name);
  return tensor?.shape.length === 1 && tensor.data.length === length;
}

function distance(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + (x - (b[i] ?? 0)) ** 2, 0);
}
