/**
 * What one axis of a tensor is: a hidden space by name (its units may be permuted together with all other axes of that name),
 * `null` for a feature or anchored axis (never permuted), or heads: an axis of `heads` groups of units.
 */
export type AxisLabel = string | null | { readonly space: string; readonly heads: number };

export interface TensorAxes {
  /** Shape to view the tensor in before the labels apply (a fused axis split into units and features). Absent: its own. */
  readonly reshape?: readonly number[];
  readonly labels: readonly AxisLabel[];
}

/** The axes of a tensor of which only some rows are at hand: its first axis holds no units that could be permuted; undefined where no other does. */
export function withoutRows({ reshape, labels }: TensorAxes, shape: readonly number[]): TensorAxes | undefined {
  const others = shape.slice(1);
  const isSplit = reshape !== undefined && others.join() !== reshape.slice(-others.length).join();
  if (others.length === 0 || isSplit) return undefined;
  const kept = labels.slice(-others.length);
  return kept.every((label) => label === null) ? undefined : { labels: [null, ...kept] };
}

/** For every placed tensor, which axes are hidden units. Tensors that are not in `tensors` are not used by the kinship test. */
export interface AxisGraph {
  readonly tensors: ReadonlyMap<string, TensorAxes>;
  /** Where it came from; from names alone the word "known" needs more evidence (docs/lineage.md, section 3). */
  readonly source: 'file' | 'names';
  /** Spaces whose units may be rescaled (no normalisation layer, a homogeneous activation is assumed and verified on the weights). */
  readonly rescalable: ReadonlySet<string>;
  /** Spaces whose units may change sign (no normalisation layer, an odd or unknown activation). Absent: the rescalable ones. */
  readonly flippable?: ReadonlySet<string>;
  /** Names of tensors with no placed axis, and why the rules refused. */
  readonly unplaced: readonly { readonly name: string; readonly reason: string }[];
}

/** The kinship test of two checkpoints (lineage.md, A1). */
export interface Kinship {
  /** Combined statistic; standard normal for independent networks. */
  readonly z: number;
  /** Natural logarithm of the one-sided p-value, floored at -sum of log(n!) over the spaces used. */
  readonly logPValue: number;
  /** Per block of hidden spaces: its z, its effective degrees of freedom, and the tensors that take part. */
  readonly blocks: readonly {
    readonly spaces: string;
    readonly z: number;
    readonly degrees: number;
    /** Natural logarithm of the number of orders that its units could stand in. */
    readonly logOrders: number;
    readonly tensors: readonly string[];
  }[];
}
