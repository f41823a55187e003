/** Axis orders in which frameworks store the same kernel: `order[i]` is the axis of the source that becomes axis i. */
const CONVENTIONS: ReadonlyMap<number, readonly (readonly number[])[]> = new Map([
  [2, [[1, 0]]],
  [3, [[2, 1, 0]]],
  [
    4,
    [
      [3, 2, 0, 1],
      [2, 3, 1, 0],
      [3, 2, 1, 0],
    ],
  ],
  [
    5,
    [
      [4, 3, 0, 1, 2],
      [2, 3, 4, 1, 0],
      [4, 3, 2, 1, 0],
    ],
  ],
]);
/** Above this rank only the conventional orders are tried: 120 orders of five axes are more than chance should be given. */
const MAX_PERMUTED_RANK = 4;

/** Lists the orders that turn a tensor of shape `from` into one of shape `to`, the likeliest first: as it is, then the conventions of frameworks. */
export function axisOrders(from: readonly number[], to: readonly number[]): readonly (readonly number[])[] {
  if (from.length !== to.length) return [];
  const fits = (order: readonly number[]) => order.every((axis, i) => from[axis] === to[i]);
  const known = [from.map((_, i) => i), ...(CONVENTIONS.get(from.length) ?? [])].filter(fits);
  if (known.length > 0 || from.length > MAX_PERMUTED_RANK) return known;
  return permutations(from.length).filter(fits);
}

function permutations(n: number): readonly (readonly number[])[] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) =>
    Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)]),
  );
}

/** Row-major strides of a shape, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}
