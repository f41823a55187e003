import type { WeightArray, Weights } from '../tensors/weights.ts';
import { isPlainLayout } from './layout.ts';
import { createGateOrders, type Option, type OptionsOf, SAMPLE, sampleStep, withOffsets } from './layout-options.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** Below this correlation a square tensor may as well be turned; above it no stranger's transpose comes (shared inputs alone give .4). */
const SURE_AS_IT_IS = 0.6;
/** A layout of a framework's own must explain this much more than the plain orders do; strangers' tensors never correlate so far. */
export const MUST_GAIN = 0.3;
/** Tensors that resemble nothing are tried in the layouts of frameworks, each against each, as long as no more values than this are looked at for one. */
const MOST_TRIED = 12 ** 2 * SAMPLE;

interface Choice {
  readonly option: Option | undefined;
  readonly similarity: number;
}

function best(a: WeightArray, b: WeightArray, options: readonly Option[]): Choice {
  let found: Choice = { option: options[0], similarity: Number.NEGATIVE_INFINITY };
  for (const option of options) {
    const s = similarity(a, b, option.offsets);
    if (s > found.similarity) found = { option, similarity: s };
  }
  return found;
}

/** Correlation of two tensors, the second in another layout, from a strided sample. */
function similarity(a: WeightArray, b: WeightArray, offsets: Uint32Array): number {
  const step = sampleStep(a.data.length);
  const n = offsets.length;
  let sa = 0,
    sb = 0,
    aa = 0,
    bb = 0,
    ab = 0;
  for (let k = 0; k < n; k++) {
    const x = a.data[k * step] ?? 0;
    const y = b.data[offsets[k] ?? 0] ?? 0;
    sa += x;
    sb += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  const variance = (aa - (sa * sa) / n) * (bb - (sb * sb) / n);
  return variance > 0 ? (ab - (sa * sb) / n) / Math.sqrt(variance) : 0;
}

/** Correlation of two paired tensors, the candidate's in the layout that was found; 0 where a value is missing. */
export function resemblance({ query, candidate, layout }: TensorPair, a?: Weights, b?: Weights): number {
  const [x, y] = [a?.get(query), b?.get(candidate)];
  if (!x || !y || x.data.length !== y.data.length) return 0;
  const asItIs = { view: [y.data.length], order: [0], shape: [y.data.length] };
  return similarity(x, y, withOffsets(layout ?? asItIs).offsets);
}

/** The pair with a layout, unless that changes neither the order of the elements nor the shape. */
function toPair(query: Named, candidate: Named, option: Option | undefined): TensorPair {
  const pair = { query: query.name, candidate: candidate.name };
  if (!option) return pair;
  const { layout } = option;
  const isSame = isPlainLayout(layout) && candidate.shape.length === layout.shape.length;
  return isSame && candidate.shape.every((n, i) => n === layout.shape[i]) ? pair : { ...pair, layout };
}

/** Pairs tensors by values. */
export interface ValueMatcher {
  /** Decides, for a pair of one name, how the candidate's tensor is laid out; the choice is counted whenever it was open. */
  order(
    query: Named,
    candidate: Named,
    othersTurned: boolean,
  ): { readonly pair: TensorPair; readonly logChoices: number };
  /** Pairs the members of one group of shapes, the most similar first; ties and groups without values fall to the order in the file. */
  group(
    query: readonly Named[],
    candidate: readonly Named[],
  ): { readonly pairs: readonly TensorPair[]; readonly logChoices: number };
}

/** Makes a matcher over the values of two checkpoints; without values it goes by the order in the file. */
export function createValueMatcher(optionsOf: OptionsOf, a?: Weights, b?: Weights): ValueMatcher {
  const gates = createGateOrders();
  const ofVectors: OptionsOf = (from, to) => gates.restrict(optionsOf(from, to), Math.max(...from, 1));
  return {
    order: (query, candidate, othersTurned) => orderByValues(query, candidate, othersTurned, optionsOf, a, b),
    group(query, candidate) {
      const isVector = (query[0]?.shape.filter((n) => n !== 1).length ?? 0) < 2;
      const { settled, ...found } = matchGroup(query, candidate, isVector ? ofVectors : optionsOf, a, b);
      for (const { choice } of isVector ? [] : settled)
        if (choice.option && choice.similarity >= SURE_AS_IT_IS) gates.note(choice.option.layout);
      return found;
    },
  };
}

function orderByValues(
  query: Named,
  candidate: Named,
  othersTurned: boolean,
  optionsOf: OptionsOf,
  a?: Weights,
  b?: Weights,
) {
  const [x, y] = [a?.get(query.name), b?.get(candidate.name)];
  const asItIs = { pair: { query: query.name, candidate: candidate.name }, logChoices: 0 };
  if (!x || !y) return asItIs;
  const { plain, framework } = optionsOf(y.shape, x.shape);
  const options = [...plain, ...framework];
  const [first] = plain;
  if (!first || options.length < 2) return asItIs;
  const own = similarity(x, y, first.offsets);
  if (own > SURE_AS_IT_IS) return asItIs;
  const turned = best(x, y, plain);
  const shuffled = best(x, y, framework);
  const noise = 3 * Math.sqrt(2 / Math.min(x.data.length, SAMPLE));
  const chosen = shuffled.similarity > Math.max(turned.similarity, own) + MUST_GAIN ? shuffled : turned;
  const isBetter = chosen.similarity > own + (othersTurned ? 0 : noise);
  return {
    pair: isBetter ? toPair(query, candidate, chosen.option) : asItIs.pair,
    logChoices: Math.log(options.length),
  };
}

interface Likely {
  readonly i: number;
  readonly j: number;
  readonly choice: Choice;
  readonly options: number;
}

function matchGroup(
  query: readonly Named[],
  candidate: readonly Named[],
  optionsOf: OptionsOf,
  a?: Weights,
  b?: Weights,
) {
  const plain = assign(query, candidate, (q, c) => choose(q, c, optionsOf(c.shape, q.shape).plain, a, b));
  const weak = plain.filter(({ choice }) => choice.similarity < SURE_AS_IT_IS);
  const looked = weak.length ** 2 * Math.min(a?.get(query[0]?.name ?? '')?.data.length ?? 0, SAMPLE);
  const tried = a && b && looked <= MOST_TRIED ? retry(query, candidate, weak, optionsOf, a, b) : weak;
  const settled = [...plain.filter((likely) => !weak.includes(likely)), ...tried];
  const chances = settled.reduce((sum, { options }, k) => {
    const free = Math.max(candidate.length, query.length) - k;
    return sum + Math.log(Math.max(free, 1)) + Math.log(Math.max(options, 1));
  }, 0);
  const pairs = settled.flatMap(({ i, j, choice }) => {
    const [q, c] = [query[i], candidate[j]];
    return q && c ? [toPair(q, c, choice.option)] : [];
  });
  return { pairs, settled, logChoices: a && b ? chances : 0 };
}

/** Pairs what resembles nothing in the plain orders once more, with the layouts of frameworks. */
function retry(
  query: readonly Named[],
  candidate: readonly Named[],
  weak: readonly Likely[],
  optionsOf: OptionsOf,
  a: Weights,
  b: Weights,
): readonly Likely[] {
  const [is, js] = [weak.map(({ i }) => i), weak.map(({ j }) => j)];
  const open = [is.flatMap((i) => query[i] ?? []), js.flatMap((j) => candidate[j] ?? [])] as const;
  const again = assign(open[0], open[1], (q, c) => {
    const { plain, framework } = optionsOf(c.shape, q.shape);
    const asItIs = choose(q, c, plain, a, b);
    const shuffled = choose(q, c, framework, a, b);
    const gains = shuffled.choice.similarity > asItIs.choice.similarity + MUST_GAIN;
    return { choice: gains ? shuffled.choice : asItIs.choice, options: plain.length + framework.length };
  });
  return again.map((likely) => ({ ...likely, i: is[likely.i] ?? 0, j: js[likely.j] ?? 0 }));
}

function choose(
  q: Named,
  c: Named,
  options: readonly Option[],
  a?: Weights,
  b?: Weights,
): Pick<Likely, 'choice' | 'options'> {
  const [x, y] = [a?.get(q.name), b?.get(c.name)];
  const found: Choice = x && y ? best(x, y, options) : { option: options[0], similarity: 0 };
  // Rounded, so that noise does not overrule the order in the file among tensors that resemble nothing.
  return { choice: { ...found, similarity: Math.round(found.similarity * 50) / 50 }, options: options.length };
}

/** Greedily, the most similar first. */
function assign(
  query: readonly Named[],
  candidate: readonly Named[],
  rate: (q: Named, c: Named) => Pick<Likely, 'choice' | 'options'>,
): readonly Likely[] {
  const all = query.flatMap((q, i) => candidate.map((c, j): Likely => ({ i, j, ...rate(q, c) })));
  const isNear = ({ i, j }: Likely) => Math.abs(i - j);
  all.sort((x, y) => y.choice.similarity - x.choice.similarity || isNear(x) - isNear(y) || x.i - y.i);
  const taken = { i: new Set<number>(), j: new Set<number>() };
  return all.filter(({ i, j }) => {
    if (taken.i.has(i) || taken.j.has(j)) return false;
    taken.i.add(i);
    taken.j.add(j);
    return true;
  });
}
