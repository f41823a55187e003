import { energyOf, type GridAxis } from './grid.ts';
import { type Component, dimensionOf } from './irreducible.ts';

/** All components of one representation in one checkpoint, side by side: `rows` unit combinations x `features`. */
export interface KinshipBlock {
  readonly key: string;
  readonly axes: readonly GridAxis[];
  readonly tensors: readonly string[];
  readonly rows: number;
  readonly features: number;
  readonly dimension: number;
  readonly energy: number;
  /** Row-major in (rows, features). */
  readonly values: Float64Array;
  /** Products of the features with each other (features x features), kept where they are fewer than the rows. */
  readonly gram?: Float64Array;
}

export function blockOf(component: Component, tensors: readonly string[]): KinshipBlock {
  const { features, values } = component;
  const rows = values.length / features;
  const block = { key: component.key, axes: component.axes, tensors, rows, features, values };
  const measured = { ...block, dimension: dimensionOf(component), energy: energyOf(values) };
  return features <= rows ? { ...measured, gram: gramOf(values, rows, features) } : measured;
}

/** The similarity T = <A, B> of two blocks and its variance <A'A, B'B> / dimension under random permutations of the units (Schur's lemma). */
export function momentsOf(
  a: KinshipBlock,
  b: KinshipBlock,
): { readonly similarity: number; readonly variance: number } {
  const similarity = dot(a.values, 0, b.values, 0, a.values.length);
  const square = a.gram && b.gram ? dot(a.gram, 0, b.gram, 0, a.gram.length) : crossEnergy(a, b);
  return { similarity, variance: square / a.dimension };
}

function gramOf(values: Float64Array, rows: number, features: number): Float64Array {
  const gram = new Float64Array(features * features);
  for (let row = 0; row < rows; row++) {
    const at = row * features;
    for (let i = 0; i < features; i++) {
      const value = values[at + i] ?? 0;
      for (let j = 0; j <= i; j++)
        gram[i * features + j] = (gram[i * features + j] ?? 0) + value * (values[at + j] ?? 0);
    }
  }
  for (let i = 0; i < features; i++) for (let j = 0; j < i; j++) gram[j * features + i] = gram[i * features + j] ?? 0;
  return gram;
}

/** |A B'|^2, which equals <A'A, B'B>; cheaper when there are more features than rows. */
function crossEnergy(a: KinshipBlock, b: KinshipBlock): number {
  const { rows, features } = a;
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      const cross = dot(a.values, i * features, b.values, j * features, features);
      sum += cross * cross;
    }
  }
  return sum;
}

/** Four partial sums: one would make every addition wait for the last. */
function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = length - (length % 4);
  for (let i = 0; i < whole; i += 4) {
    s0 += (a[atA + i] ?? 0) * (b[atB + i] ?? 0);
    s1 += (a[atA + i + 1] ?? 0) * (b[atB + i + 1] ?? 0);
    s2 += (a[atA + i + 2] ?? 0) * (b[atB + i + 2] ?? 0);
    s3 += (a[atA + i + 3] ?? 0) * (b[atB + i + 3] ?? 0);
  }
  for (let i = whole; i < length; i++) s0 += (a[atA + i] ?? 0) * (b[atB + i] ?? 0);
  return s0 + s1 + s2 + s3;
}
