import type { Distances } from './distances.ts';
import { type Edge, layEdges, OF_ALL, type Plan } from './movement-edges.ts';

/** Independent coordinates that are counted on at most: sketches have 1,024, but weights move together. */
const MOST_COORDINATES = 100;
/** Keeps the covariance positive definite, as a share of its diagonal. */
const RIDGE = 1e-6;

/** What a branch costs for its four parameters, by Schwarz's criterion (1978). */
const branchCost = (products: number): number => 2 * Math.log(products);

/** What a priori is expected of the parameters, as Gaussians: the log odds of noise; where on a step a fork lies; how much of the direction a branch inherits. */
export const OWN = { mean: -1, deviation: 1.5 } as const;
export const NOISE = { mean: -2.2, deviation: 1 } as const;
const PLACE_DEVIATION = 3;
export const INHERITED = { follows: 1.5, leaves: 0.3, deviation: 1 } as const;

/** Integral of exp(-|s - t|) over s from `s` for `a`, and t from `t` for `b`. */
function overlap(s: number, a: number, t: number, b: number): number {
  const h = (x: number) => Math.abs(x) + Math.exp(-Math.abs(x));
  return h(s + a - t) - h(s - t) - h(s + a - t - b) + h(s - t - b);
}

/** What lies between two edges, the later one times their number plus the earlier one. */
interface Between {
  /** From the end of the one to the start of the other, or from both starts back to where their ways part. */
  readonly gap: Float64Array;
  /** Share of the direction that the branches that start between them inherit. */
  readonly kept: Float64Array;
  /** 1 where all of these branches follow their trunks. */
  readonly follows: Uint8Array;
  /** 1 where the earlier edge is in the past of the later one. */
  readonly isInLine: Uint8Array;
}

/** How long the drift took until each edge starts. */
function timeStarts(edges: readonly Edge[]): Float64Array {
  const starts = new Float64Array(edges.length);
  edges.forEach(({ before }, i) => {
    starts[i] = before < 0 ? 0 : (starts[before] ?? 0) + (edges[before]?.duration ?? 0);
  });
  return starts;
}

/** Relates all pairs of edges, each by what lies between the edge before it and the other one. */
function relate(edges: readonly Edge[], starts: Float64Array): Between {
  const size = edges.length;
  const gap = new Float64Array(size * size);
  const kept = new Float64Array(size * size);
  const follows = new Uint8Array(size * size);
  const isInLine = new Uint8Array(size * size);
  const fromRoot = new Float64Array(size);
  const followsFromRoot = new Uint8Array(size);
  edges.forEach((edge, i) => {
    const { before, inherited } = edge;
    const goesAlong = edge.startsBranch && !edge.follows ? 0 : 1;
    fromRoot[i] = inherited * (before < 0 ? 1 : (fromRoot[before] ?? 1));
    followsFromRoot[i] = goesAlong & (before < 0 ? 1 : (followsFromRoot[before] ?? 1));
    const passed = edges[before]?.duration ?? 0;
    for (let j = 0; j < i; j++) {
      const at = i * size + j;
      const isAfter = j > before && before >= 0 && isInLine[j * size + before] === 1;
      const via = isAfter ? j * size + before : Math.max(before, j) * size + Math.min(before, j);
      if (before < 0) {
        gap[at] = starts[j] ?? 0;
        kept[at] = inherited * (fromRoot[j] ?? 1);
        follows[at] = goesAlong & (followsFromRoot[j] ?? 1);
      } else if (j === before) {
        kept[at] = inherited;
        follows[at] = goesAlong;
        isInLine[at] = 1;
      } else {
        gap[at] = (gap[via] ?? 0) + (isAfter ? 0 : passed);
        kept[at] = inherited * (kept[via] ?? 1);
        follows[at] = goesAlong & (follows[via] ?? 1);
        isInLine[at] = isAfter || j > before ? 0 : (isInLine[via] ?? 0);
      }
    }
  });
  return { gap, kept, follows, isInLine };
}

/**
 * The covariance of the edges: a direction that is forgotten exponentially along the way (an Ornstein-Uhlenbeck process; its integral is the drift), and
 * noise of each edge's own. A branch that follows its trunk has the direction that the trunk has where it has come as far.
 */
function covarianceOf(edges: readonly Edge[], memory: number): Float64Array {
  const size = edges.length;
  const starts = timeStarts(edges);
  const { gap, kept, follows, isInLine } = relate(edges, starts);
  const spans = edges.map(({ duration }) => 1 - Math.exp(-duration));
  const covariance = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const { duration = 0, noise = 0 } = edges[i] ?? {};
    covariance[i * size + i] = 2 * memory * memory * (duration - (spans[i] ?? 0)) + noise;
    for (let j = 0; j < i; j++) {
      const at = i * size + j;
      const shared =
        follows[at] === 1 && isInLine[at] === 0
          ? overlap(starts[i] ?? 0, duration, starts[j] ?? 0, edges[j]?.duration ?? 0)
          : (spans[i] ?? 0) * (spans[j] ?? 0) * Math.exp(-(gap[at] ?? 0));
      covariance[at] = (kept[at] ?? 0) * memory * memory * shared;
      covariance[j * size + i] = covariance[at] ?? 0;
    }
  }
  return covariance;
}

/** The covariance of the checkpoints as seen from the root, from that of the edges. */
function sumAlong(edges: readonly Edge[], covariance: Float64Array, nodes: readonly number[]): Float64Array {
  const size = edges.length;
  const rows = Float64Array.from(covariance);
  edges.forEach(({ before }, i) => {
    if (before < 0) return;
    for (let j = 0; j < size; j++) rows[i * size + j] = (rows[i * size + j] ?? 0) + (rows[before * size + j] ?? 0);
  });
  edges.forEach(({ before }, j) => {
    if (before < 0) return;
    for (let i = 0; i < size; i++) rows[i * size + j] = (rows[i * size + j] ?? 0) + (rows[i * size + before] ?? 0);
  });
  const ends = new Map(edges.map(({ node }, i) => [node, i]));
  const places = nodes.map((node) => ends.get(node) ?? 0);
  const seen = new Float64Array(nodes.length ** 2);
  places.forEach((a, i) => {
    places.forEach((b, j) => {
      const own = i === j ? (edges[a]?.own ?? 0) + RIDGE * (rows[a * size + a] ?? 0) : 0;
      seen[i * nodes.length + j] = (rows[a * size + b] ?? 0) + own;
    });
  });
  return seen;
}

/** The inner products of checkpoints as seen from the root, from distances alone; undefined where some lie on each other. */
export function observe({ root, nodes }: Plan, { squared }: Distances): Observed | undefined {
  const size = nodes.length;
  const gram = new Float64Array(size * size);
  nodes.forEach((a, i) => {
    nodes.forEach((b, j) => {
      gram[i * size + j] = (squared(root, a) + squared(root, b) - squared(a, b)) / 2;
    });
  });
  const lower = factor(gram, size);
  return lower === undefined ? undefined : { lower, least: logDeterminant(lower, size) + size };
}

/** The lower factor of a covariance (Cholesky); undefined where it is not positive definite. */
function factor(k: Float64Array, size: number): Float64Array | undefined {
  const lower = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = k[i * size + j] ?? 0;
      for (let l = 0; l < j; l++) rest -= (lower[i * size + l] ?? 0) * (lower[j * size + l] ?? 0);
      if (i === j && !(rest > 0)) return undefined;
      lower[i * size + j] = i === j ? Math.sqrt(rest) : rest / (lower[j * size + j] ?? 1);
    }
  }
  return lower;
}

/** ln|K| + tr(K^-1 S), from the lower factors of both: the trace is the square of L^-1 A, which is lower triangular too. */
function misfit(lower: Float64Array, observed: Float64Array, size: number): number {
  let sum = logDeterminant(lower, size);
  const solved = new Float64Array(size);
  for (let column = 0; column < size; column++) {
    for (let i = column; i < size; i++) {
      const row = i * size;
      let rest = observed[row + column] ?? 0;
      for (let k = column; k < i; k++) rest -= (lower[row + k] ?? 0) * (solved[k] ?? 0);
      const x = rest / (lower[row + i] ?? 1);
      solved[i] = x;
      sum += x * x;
    }
  }
  return sum;
}

function logDeterminant(lower: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += 2 * Math.log(lower[i * size + i] ?? 1);
  return sum;
}

/** What is observed: inner products of the checkpoints as seen from the root. */
export interface Observed {
  /** Their lower factor. */
  readonly lower: Float64Array;
  /** Least misfit of any covariance, which is that of the products themselves. */
  readonly least: number;
}

function logPrior(plan: Plan, at: Float64Array, products: number): number {
  let sum = 0;
  const add = (value: number, mean: number, deviation: number) => {
    sum -= ((value - mean) / deviation) ** 2 / 2;
  };
  add(at[1] ?? 0, OWN.mean, OWN.deviation);
  plan.arms.forEach(({ follows }, arm) => {
    add(at[OF_ALL + arm] ?? 0, NOISE.mean, NOISE.deviation);
    const fork = plan.forkAt[arm] ?? -1;
    if (fork < 0) return;
    sum -= branchCost(products);
    add(at[fork] ?? 0, 0, PLACE_DEVIATION);
    add(at[fork + 2] ?? 0, follows ? INHERITED.follows : INHERITED.leaves, INHERITED.deviation);
  });
  return sum;
}

/** The covariance of a reading's checkpoints as seen from its root. */
function seenCovariance(plan: Plan, at: Float64Array): Float64Array {
  const edges = layEdges(plan, at);
  return sumAlong(edges, covarianceOf(edges, Math.exp(at[0] ?? 0)), plan.nodes);
}

/**
 * Log density of a reading with these parameters, up to a constant that all readings of the same checkpoints share.
 *
 * Products of Gaussians of p independent coordinates follow Wishart's law, whose density falls by p / 2 for each unit of misfit. Nobody knows p; at its
 * likeliest value the density is the misfit to the power of minus half the number of products, as with an unknown variance in regression.
 */
export function logDensity(plan: Plan, { lower: observed, least }: Observed, at: Float64Array): number {
  const size = plan.nodes.length;
  const products = (size * (size + 1)) / 2;
  const lower = factor(seenCovariance(plan, at), size);
  if (lower === undefined) return Number.NEGATIVE_INFINITY;
  const excess = misfit(lower, observed, size) - least;
  return (-products / 2) * Math.log(excess + products / MOST_COORDINATES) + logPrior(plan, at, products);
}
