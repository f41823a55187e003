import type { WeightArray, Weights } from '../tensors/weights.ts';
import { axisOrders, isIdentityOrder, reorderedOffsets } from './axis-orders.ts';
import type { Named, TensorPair } from './tensor-pair.ts';

/** Elements that a similarity is estimated from: its standard error, 1/sqrt(4096), is far below what a pairing is decided by. */
const SAMPLE = 4096;
/** Below this correlation a square tensor may as well be turned; above it no stranger's transpose comes (targets.md: inputs alone .4). */
const SURE_AS_IT_IS = 0.6;

interface Choice {
  readonly order: readonly number[];
  readonly similarity: number;
}

/** Decides, for a pair of equal shapes, whether the candidate's axes are turned; the choice is counted whenever it was open. */
export function orderByValues(pair: TensorPair, query: Weights, candidate: Weights, othersTurned: boolean) {
  const a = query.get(pair.query);
  const b = candidate.get(pair.candidate);
  const orders = a && b ? axisOrders(b.shape, a.shape) : [];
  if (!a || !b || orders.length < 2) return { logChoices: 0 };
  const asItIs = similarity(a, b, orders[0] ?? []);
  if (asItIs > SURE_AS_IT_IS) return { logChoices: 0 };
  const best = bestOrder(a, b, orders);
  const turned = best.similarity > asItIs + (othersTurned ? 0 : 3 / Math.sqrt(Math.min(a.data.length, SAMPLE)));
  return { ...(turned ? { order: best.order } : {}), logChoices: Math.log(orders.length) };
}

function bestOrder(a: WeightArray, b: WeightArray, orders: readonly (readonly number[])[]): Choice {
  let best: Choice = { order: orders[0] ?? [], similarity: Number.NEGATIVE_INFINITY };
  for (const order of orders) {
    const s = similarity(a, b, order);
    if (s > best.similarity) best = { order, similarity: s };
  }
  return best;
}

/** Correlation of two tensors, the second with its axes reordered, from a strided sample. */
function similarity(a: WeightArray, b: WeightArray, order: readonly number[]): number {
  const step = Math.max(1, Math.floor(a.data.length / SAMPLE));
  const offsets = reorderedOffsets(b.shape, order, step);
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

/** Pairs the members of one shape group, the most similar first; ties and groups without values fall to the order in the file. */
export function matchGroup(query: readonly Named[], candidate: readonly Named[], a?: Weights, b?: Weights) {
  const pairs: TensorPair[] = [];
  const options =
    candidate.length === 0 ? [] : query.flatMap((q, i) => candidate.map((c, j) => option(q, c, i, j, a, b)));
  options.sort((x, y) => y.similarity - x.similarity || Math.abs(x.i - x.j) - Math.abs(y.i - y.j) || x.i - y.i);
  const taken = { i: new Set<number>(), j: new Set<number>() };
  let logChoices = 0;
  for (const { i, j, pair, orders } of options) {
    if (taken.i.has(i) || taken.j.has(j)) continue;
    const free = Math.max(candidate.length - taken.j.size, query.length - taken.i.size);
    logChoices += Math.log(free) + Math.log(Math.max(orders, 1));
    taken.i.add(i);
    taken.j.add(j);
    pairs.push(pair);
  }
  return { pairs, logChoices: a && b ? logChoices : 0 };
}

function option(q: Named, c: Named, i: number, j: number, a?: Weights, b?: Weights) {
  const orders = axisOrders(c.shape, q.shape);
  const x = a?.get(q.name);
  const y = b?.get(c.name);
  const best: Choice = x && y ? bestOrder(x, y, orders) : { order: orders[0] ?? [], similarity: 0 };
  // Rounded, so that noise does not overrule the order in the file among tensors that resemble nothing.
  const similarity = Math.round(best.similarity * 50) / 50;
  const turned = best.order.length > 0 && !isIdentityOrder(best.order);
  const pair: TensorPair = { query: q.name, candidate: c.name, ...(turned ? { order: best.order } : {}) };
  return { i, j, pair, orders: orders.length, similarity };
}
