/** A difference as a matrix, and how well each of its numbers is known. */
export interface WeightedMatrix {
  readonly rows: number;
  readonly columns: number;
  /** rows x columns, row-major. */
  readonly data: Float64Array;
  /** One over the mean square of each number's error; 0 for numbers that are not there. */
  readonly weights: Float64Array;
}

/** Numbers a pair that a line must have, so that what is fitted is not its noise. */
const NUMBERS_PER_PAIR = 4;

/** A triangular root of a symmetric matrix of `n` rows, in its place (Cholesky); directions that vanish become zero. */
function factorize(gram: Float64Array, n: number): void {
  for (let j = 0; j < n; j++) {
    const before = gram[j * n + j] ?? 0;
    for (let i = j; i < n; i++) {
      let sum = gram[i * n + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (gram[i * n + k] ?? 0) * (gram[j * n + k] ?? 0);
      const pivot = gram[j * n + j] ?? 0;
      if (i === j) gram[i * n + j] = sum > before * 1e-12 ? Math.sqrt(sum) : 0;
      else gram[i * n + j] = pivot === 0 ? 0 : sum / pivot;
    }
  }
}

/** Solves root x rootᵀ x = right, in place. */
function solve(root: Float64Array, n: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = x[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= (root[i * n + k] ?? 0) * (x[k] ?? 0);
    const pivot = root[i * n + i] ?? 0;
    x[i] = pivot === 0 ? 0 : sum / pivot;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (root[k * n + i] ?? 0) * (x[k] ?? 0);
    const pivot = root[i * n + i] ?? 0;
    x[i] = pivot === 0 ? 0 : sum / pivot;
  }
}

/**
 * Fits each row of a matrix by the rows of a factor: least squares, each number by its weight.
 *
 * @param factor - columns x rank, row-major.
 * @returns rows x rank, row-major; zeros for a row of too few numbers to tell.
 */
export function fitRows({ rows, columns, data, weights }: WeightedMatrix, factor: Float64Array): Float64Array {
  const rank = factor.length / columns;
  const fitted = new Float64Array(rows * rank);
  const gram = new Float64Array(rank * rank);
  for (let row = 0; row < rows; row++) {
    const x = fitted.subarray(row * rank, (row + 1) * rank);
    gram.fill(0);
    let known = 0;
    for (let j = 0, at = row * columns; j < columns; j++, at++) {
      const weight = weights[at] ?? 0;
      if (weight === 0) continue;
      known++;
      addOuter(gram, x, factor, j * rank, weight, weight * (data[at] ?? 0));
    }
    if (known < NUMBERS_PER_PAIR * rank) x.fill(0);
    factorize(gram, rank);
    solve(gram, rank, x);
  }
  return fitted;
}

/** Adds what one number says: to the products of all pairs, and to their products with the matrix. */
function addOuter(
  gram: Float64Array,
  products: Float64Array,
  factor: Float64Array,
  at: number,
  weight: number,
  weighted: number,
): void {
  const rank = products.length;
  for (let i = 0; i < rank; i++) {
    const f = factor[at + i] ?? 0;
    products[i] = (products[i] ?? 0) + weighted * f;
    const scaled = weight * f;
    for (let k = 0; k <= i; k++) gram[i * rank + k] = (gram[i * rank + k] ?? 0) + scaled * (factor[at + k] ?? 0);
  }
}

/** A matrix with rows and columns exchanged. */
export function transpose({ rows, columns, data, weights }: WeightedMatrix): WeightedMatrix {
  const turn = (numbers: Float64Array) => {
    const out = new Float64Array(numbers.length);
    for (let i = 0, at = 0; i < rows; i++) for (let j = 0; j < columns; j++, at++) out[j * rows + i] = numbers[at] ?? 0;
    return out;
  };
  return { rows: columns, columns: rows, data: turn(data), weights: turn(weights) };
}

/** Mean weighted square of what a product of factors leaves of a matrix: about 1 where only the errors are left. */
export function meanResidual(
  { rows, columns, data, weights }: WeightedMatrix,
  left: Float64Array,
  right: Float64Array,
): number {
  const rank = left.length / rows;
  let [sum, known] = [0, 0];
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at++) {
      const weight = weights[at] ?? 0;
      if (weight === 0) continue;
      let rest = data[at] ?? 0;
      for (let k = 0; k < rank; k++) rest -= (left[i * rank + k] ?? 0) * (right[j * rank + k] ?? 0);
      sum += weight * rest * rest;
      known++;
    }
  }
  return sum / known;
}
