import { canonicalShape } from '../sketch/canonical-shape.ts';
import type { TensorSummary } from '../sketch/summary.ts';
import type { TensorStatistics } from '../tensors/statistics.ts';

/** What neither an order of axes nor rounding changes much, and (but for the first) no common factor either. */
function featuresOf({ mean, standardDeviation, min, max, kurtosis }: TensorStatistics): readonly number[] {
  const unit = standardDeviation > 0 ? standardDeviation : 1;
  return [(min - mean) / unit, (max - mean) / unit, mean / unit, Math.sqrt(Math.max(0, kurtosis))];
}

function distance(a: TensorStatistics, b: TensorStatistics): number {
  const [x, y] = [featuresOf(a), featuresOf(b)];
  const shape = x.reduce((sum, value, k) => sum + ((value - (y[k] ?? 0)) / (1 + Math.abs(value))) ** 2, 0);
  const [s, t] = [a.standardDeviation, b.standardDeviation];
  const scale = s > 0 && t > 0 ? Math.min(1, ((s - t) / (s + t)) ** 2) : 1;
  return shape + scale;
}

/** Tensors of the same sizes (up to their order), those whose values look most alike first. */
export function rankByStatistics(query: TensorSummary, stored: readonly TensorSummary[]): readonly TensorSummary[] {
  const key = canonicalShape(query.shape).join();
  return stored
    .filter((tensor) => canonicalShape(tensor.shape).join() === key)
    .map((tensor) => ({ tensor, far: distance(query.statistics, tensor.statistics) }))
    .sort((a, b) => a.far - b.far)
    .map(({ tensor }) => tensor);
}
