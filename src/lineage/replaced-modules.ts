import type { AxisGraph } from '../symmetry/axis-graph.ts';
import { logNormalTail } from '../symmetry/tails.ts';
import type { Weights } from '../tensors/weights.ts';
import { tensorZ } from './judge-kinship.ts';
import { moduleOf } from './shared-values.ts';

/** A tensor whose copy would reach this statistic has the power to say "unrelated"; a statistic below `stranger` then does. */
const Z = { copy: 6, stranger: 3 };
/** Squared relative change of the rest above which nothing is called replaced: a head that starts near zero moves most (lineage.md, C). */
const REST_HARDLY_MOVED = 0.25;
/** ln p of the variance ratio at which a tensor without power is called replaced. */
const LOG_LEVEL = Math.log(1e-6);

interface Change {
  readonly name: string;
  readonly residual: number;
  readonly query: number;
  readonly candidate: number;
  readonly count: number;
}

/**
 * Finds the modules of a known checkpoint that do not come from the candidate: those whose own statistic says unrelated where a copy's would say
 * related, or, without power, whose change dwarfs that of all others (lineage.md, A2 step 4). Missing and reshaped tensors are for the caller.
 */
export function findReplacedModules(
  query: Weights,
  candidate: Weights,
  graph: AxisGraph,
  names: readonly string[],
  whereNotZero: boolean,
): ReadonlySet<string> {
  const masked = whereNotZero ? maskLike(candidate, query) : candidate;
  const changes = names.flatMap((name) => changeOf(query, masked, name));
  const suspects = new Set(
    changes.filter((change) => isUnrelated(change, changes, query, masked, graph)).map(({ name }) => moduleOf(name)),
  );
  const rest = changes.filter(({ name }) => !suspects.has(moduleOf(name)));
  const moved =
    sum(rest, (c) => c.residual) /
    Math.max(
      sum(rest, (c) => c.candidate),
      1e-30,
    );
  return rest.length > 0 && moved < REST_HARDLY_MOVED ? suspects : new Set();
}

const sum = (changes: readonly Change[], of: (change: Change) => number) =>
  changes.reduce((total, c) => total + of(c), 0);

function maskLike(weights: Weights, query: Weights): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => {
      const support = query.get(name)?.data;
      return [
        name,
        support ? { shape: tensor.shape, data: tensor.data.map((x, i) => (support[i] === 0 ? 0 : x)) } : tensor,
      ];
    }),
  );
}

function changeOf(query: Weights, candidate: Weights, name: string): Change[] {
  const a = query.get(name);
  const b = candidate.get(name);
  if (!a || !b || a.shape.length < 2) return [];
  let residual = 0;
  let own = 0;
  let other = 0;
  for (let i = 0; i < a.data.length; i++) {
    const x = a.data[i] ?? 0;
    const y = b.data[i] ?? 0;
    if (!Number.isFinite(x - y)) continue;
    residual += (x - y) ** 2;
    own += x * x;
    other += y * y;
  }
  return [{ name, residual, query: own, candidate: other, count: a.data.length }];
}

function isUnrelated(
  change: Change,
  all: readonly Change[],
  query: Weights,
  candidate: Weights,
  graph: AxisGraph,
): boolean {
  if (change.residual <= 0.5 * (change.query + change.candidate)) return false;
  const zOfCopy = tensorZ(candidate, candidate, graph, change.name);
  if (zOfCopy >= Z.copy) return tensorZ(query, candidate, graph, change.name) < Z.stranger;
  const others = all.filter(({ name }) => moduleOf(name) !== moduleOf(change.name));
  const count = sum(others, (c) => c.count);
  const usual = sum(others, (c) => (c.residual / Math.max(c.candidate, 1e-30)) * c.count) / Math.max(count, 1);
  const ratio = change.residual / Math.max(change.candidate, 1e-30) / Math.max(usual, 1e-30);
  return count > 0 && logVarianceRatioTail(ratio, change.count, count) < LOG_LEVEL;
}

/** ln P(F > ratio) of two variances with n and m degrees of freedom, by Wilson and Hilferty's cube root (1931). */
function logVarianceRatioTail(ratio: number, n: number, m: number): number {
  const cube = Math.cbrt(ratio);
  const a = 2 / (9 * n);
  const b = 2 / (9 * m);
  return logNormalTail(((1 - b) * cube - (1 - a)) / Math.sqrt(b * cube * cube + a));
}
