import type { WeightArray, Weights } from '../tensors/weights.ts';
import { frameworkLayouts, type LayoutContext, plainLayouts } from './find-layouts.ts';
import { isPlainLayout, type Layout, layoutOffsets } from './layout.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** Elements that a similarity is estimated from: its standard error, 1/sqrt(4096), is far below what a pairing is decided by. */
const SAMPLE = 4096;
/** Below this correlation a square tensor may as well be turned; above it no stranger's transpose comes (targets.md: inputs alone .4). */
const SURE_AS_IT_IS = 0.6;
/** A layout of a framework's own must explain this much more than the plain orders do; strangers' tensors never correlate so far. */
const MUST_GAIN = 0.3;
/** Groups with more tensors than this that resemble nothing are not tried in the layouts of frameworks, each against each. */
const MOST_TRIED = 12;

interface Option {
  readonly layout: Layout;
  /** Offsets, in the candidate's tensor, of the sampled elements of the query's. */
  readonly offsets: Uint32Array;
}

interface Choice {
  readonly option: Option | undefined;
  readonly similarity: number;
}

/** The layouts that two shapes allow; made once for all tensors of these shapes. */
interface Options {
  readonly plain: readonly Option[];
  readonly framework: readonly Option[];
}

type OptionsOf = (from: readonly number[], to: readonly number[]) => Options;

function createOptions(context: LayoutContext): OptionsOf {
  const known = new Map<string, Options>();
  return (from, to) => {
    const key = `${from.join('x')} ${to.join('x')}`;
    const found = known.get(key) ?? {
      plain: plainLayouts(from, to).map(withOffsets),
      framework: frameworkLayouts(from, to, context).map(withOffsets),
    };
    known.set(key, found);
    return found;
  };
}

function withOffsets(layout: Layout): Option {
  return { layout, offsets: layoutOffsets(layout, stepOf(layout.view.reduce((product, n) => product * n, 1))) };
}

const stepOf = (length: number): number => Math.max(1, Math.floor(length / SAMPLE));

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
  const step = stepOf(a.data.length);
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
export function createValueMatcher(context: LayoutContext, a?: Weights, b?: Weights): ValueMatcher {
  const optionsOf = createOptions(context);
  return {
    order: (query, candidate, othersTurned) => orderByValues(query, candidate, othersTurned, optionsOf, a, b),
    group: (query, candidate) => matchGroup(query, candidate, optionsOf, a, b),
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
  const noise = 3 / Math.sqrt(Math.min(x.data.length, SAMPLE));
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
  const tried = a && b && weak.length <= MOST_TRIED ? retry(query, candidate, weak, optionsOf, a, b) : weak;
  const settled = [...plain.filter((likely) => !weak.includes(likely)), ...tried];
  const chances = settled.reduce((sum, { options }, k) => {
    const free = Math.max(candidate.length, query.length) - k;
    return sum + Math.log(Math.max(free, 1)) + Math.log(Math.max(options, 1));
  }, 0);
  const pairs = settled.flatMap(({ i, j, choice }) => {
    const [q, c] = [query[i], candidate[j]];
    return q && c ? [toPair(q, c, choice.option)] : [];
  });
  return { pairs, logChoices: a && b ? chances : 0 };
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
