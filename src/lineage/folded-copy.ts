import { bringInto } from '../diff/bring-into.ts';
import { matchTensors } from '../diff/match-tensors.ts';
import { sourceName } from '../diff/tensor-pair.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { logChanceOfCopy } from './exact-copy.ts';
import { areOnes, findChannelFactors, scaleChannels } from './folded-factors.ts';
import { explainBias, type FoldedNorm, findFoldedNorm, type Vector } from './folded-norm.ts';
import { moduleOf } from './shared-values.ts';
import { countAgreement, isExact, type Rounding } from './tolerance.ts';

/** A layer that a normalisation was folded into. */
export interface FoldedLayer {
  /** Its matrix in the file where it is folded. */
  readonly folded: string;
  /** Its matrix in the file that has the normalisation. */
  readonly plain: string;
  /** The module of the normalisation. */
  readonly norm: string;
}

/** A checkpoint that is another with its normalisations folded into the layers before them. */
export interface FoldedCopy {
  /** The other, folded, under the names and axes of the folded one. */
  readonly weights: Weights;
  readonly layers: readonly FoldedLayer[];
  /** ln of the chance that a stranger agrees as well, the factors of the channels paid for; the candidates are for the caller to count. */
  readonly logPValue: number;
}

type Rules = ReadonlyMap<string, Rounding>;
type Norms = ReadonlyMap<string, { readonly norm: FoldedNorm; readonly biases: readonly Float32Array[] }>;

const isMatrix = ({ shape }: WeightArray) => shape.length > 1;
const listVectors = (weights: Weights): readonly Vector[] =>
  [...weights].flatMap(([name, tensor]) =>
    isMatrix(tensor) ? [] : [{ name, module: moduleOf(name), data: tensor.data }],
  );
const matricesOf = (weights: Weights): Weights => new Map([...weights].filter(([, tensor]) => isMatrix(tensor)));
const setOf = (weights: Weights) => ({
  tensors: [...weights].map(([name, { shape }]) => ({ name, shape })),
  weights,
});

/**
 * Finds whether one checkpoint is another with normalisations folded, as exporters do for inference: every matrix is a copy, or has each output channel
 * multiplied by gain / sqrt(variance + epsilon) of a normalisation that the other stores, with one epsilon; every vector is a copy, or the bias
 * that such a fold leaves. Undefined when anything is not explained.
 *
 * @param rules how the folded one was rounded besides
 */
export function findFoldedCopy(folded: Weights, plain: Weights, rules: Rules): FoldedCopy | undefined {
  const [own, others] = [matricesOf(folded), matricesOf(plain)];
  const vectors = listVectors(plain);
  if (own.size !== others.size || vectors.length <= folded.size - own.size) return undefined;
  const { pairs, onlyQuery, logChoices } = matchTensors(setOf(own), setOf(others));
  if (onlyQuery.length > 0) return undefined;
  const brought = bringInto(pairs, others);
  const weights = new Map<string, WeightArray>();
  const norms = new Map<string, { readonly norm: FoldedNorm; readonly biases: readonly Float32Array[] }>();
  const layers: FoldedLayer[] = [];
  let channels = 0;
  for (const [name, matrix] of own) {
    const [source, rule] = [brought.get(name), rules.get(name)];
    const found = source && rule && findChannelFactors(matrix, source, rule);
    if (!found) return undefined;
    const isCopy = areOnes(found);
    weights.set(name, isCopy ? source : scaleChannels(source, found));
    if (isCopy) continue;
    const norm = findFoldedNorm(found, withLength(vectors, found.factors.length));
    const from = sourceName(pairs, name) ?? name;
    if (!norm) return undefined;
    const biases = withLength(vectors, norm.scale.length).filter(({ module }) => module === moduleOf(from));
    norms.set(name, { norm, biases: biases.map(({ data }) => data) });
    layers.push({ folded: name, plain: from, norm: norm.module });
    channels += norm.scale.length;
  }
  if (layers.length === 0 || !explainVectors(folded, vectors, norms, rules, weights)) return undefined;
  const values = [...own.values()].reduce((sum, { data }) => sum + data.length, 0);
  const chance = logChanceOfCopy(own, weights, [...own.keys()], rules, new Map());
  return { weights, layers, logPValue: chance * (1 - channels / values) + logChoices };
}

function withLength(vectors: readonly Vector[], length: number): readonly Vector[] {
  return vectors.filter(({ data }) => data.length === length);
}

/** Adds to `weights` what every vector of the folded one is made from; false where one is from nothing that is known. */
function explainVectors(
  folded: Weights,
  vectors: readonly Vector[],
  norms: Norms,
  rules: Rules,
  weights: Map<string, WeightArray>,
): boolean {
  return [...folded].every(([name, tensor]) => {
    if (isMatrix(tensor)) return true;
    const rule = rules.get(name);
    const data = rule && explainVector(tensor.data, rule, withLength(vectors, tensor.data.length), norms);
    if (data) weights.set(name, { shape: tensor.shape, data });
    return data !== undefined;
  });
}

function explainVector(
  own: Float32Array,
  rule: Rounding,
  vectors: readonly Vector[],
  norms: Norms,
): Float32Array | undefined {
  const copied = vectors.find(({ data }) => isExact(countAgreement(own, data, rule)));
  if (copied) return copied.data;
  for (const { norm, biases } of norms.values()) {
    const bias = norm.scale.length === own.length ? explainBias(own, rule, norm, biases) : undefined;
    if (bias) return bias;
  }
  return undefined;
}
