/** A matrix in binary64, row-major. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** The strongest part of a matrix: left x rightᵀ, with the square of each pair's singular value, strongest first. */
export interface Factors {
  /** rows x rank, orthonormal columns. */
  readonly left: Matrix;
  /** columns x rank. */
  readonly right: Matrix;
  readonly energies: Float64Array;
}

function createMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** a x b. */
function multiply(a: Matrix, b: Matrix): Matrix {
  const out = createMatrix(a.rows, b.columns);
  const width = b.columns;
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) {
      const factor = a.data[i * a.columns + j] ?? 0;
      for (let k = 0, to = i * width, from = j * width; k < width; k++, to++, from++) {
        out.data[to] = (out.data[to] ?? 0) + factor * (b.data[from] ?? 0);
      }
    }
  }
  return out;
}

/** aᵀ x b. */
function multiplyTransposed(a: Matrix, b: Matrix): Matrix {
  const out = createMatrix(a.columns, b.columns);
  const width = b.columns;
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < a.columns; j++) {
      const factor = a.data[i * a.columns + j] ?? 0;
      for (let k = 0, to = j * width, from = i * width; k < width; k++, to++, from++) {
        out.data[to] = (out.data[to] ?? 0) + factor * (b.data[from] ?? 0);
      }
    }
  }
  return out;
}

/** Makes the columns orthonormal, in place (modified Gram-Schmidt); those that vanish become zero. */
function orthonormalize({ rows, columns, data }: Matrix): void {
  const dot = (a: number, b: number) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += (data[i * columns + a] ?? 0) * (data[i * columns + b] ?? 0);
    return sum;
  };
  for (let c = 0; c < columns; c++) {
    const before = dot(c, c);
    for (let b = 0; b < c; b++) {
      const share = dot(c, b);
      for (let i = 0; i < rows; i++)
        data[i * columns + c] = (data[i * columns + c] ?? 0) - share * (data[i * columns + b] ?? 0);
    }
    const after = dot(c, c);
    const scale = after > before * 1e-20 ? 1 / Math.sqrt(after) : 0;
    for (let i = 0; i < rows; i++) data[i * columns + c] = (data[i * columns + c] ?? 0) * scale;
  }
}

/** One rotation of Jacobi's method, which makes the symmetric matrix's entry (p, q) zero. */
function rotate(matrix: Matrix, vectors: Matrix, p: number, q: number): void {
  const n = matrix.columns;
  const { data } = matrix;
  const off = data[p * n + q] ?? 0;
  if (off === 0) return;
  const theta = ((data[q * n + q] ?? 0) - (data[p * n + p] ?? 0)) / (2 * off);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const turn = (array: Float64Array, a: number, b: number) => {
    const [x, y] = [array[a] ?? 0, array[b] ?? 0];
    array[a] = c * (x - t * y);
    array[b] = c * (t * x + y);
  };
  for (let k = 0; k < n; k++) turn(data, k * n + p, k * n + q);
  for (let k = 0; k < n; k++) turn(data, p * n + k, q * n + k);
  for (let k = 0; k < n; k++) turn(vectors.data, k * n + p, k * n + q);
}

/** Eigenvectors of a small symmetric matrix, strongest first, as columns (Jacobi; ten sweeps are plenty for 40 rows). */
function findEigenvectors(matrix: Matrix): { vectors: Matrix; values: Float64Array } {
  const n = matrix.columns;
  const vectors = createMatrix(n, n);
  for (let i = 0; i < n; i++) vectors.data[i * n + i] = 1;
  for (let sweep = 0; sweep < 10; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(matrix, vectors, p, q);
  }
  const order = Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => (matrix.data[b * n + b] ?? 0) - (matrix.data[a * n + a] ?? 0),
  );
  const sorted = createMatrix(n, n);
  for (let i = 0; i < n; i++)
    order.forEach((from, to) => void sorted.data.fill(vectors.data[i * n + from] ?? 0, i * n + to, i * n + to + 1));
  return { vectors: sorted, values: Float64Array.from(order, (i) => matrix.data[i * n + i] ?? 0) };
}

/** Signs that look random and are always the same. */
function drawSigns(rows: number, columns: number): Matrix {
  let state = 1;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state < 0 ? -1 : 1;
  };
  return { rows, columns, data: Float64Array.from({ length: rows * columns }, draw) };
}

/** Orthonormal columns that span nearly the strongest part of a matrix, and the matrix in their terms (columns x rank). */
interface Subspace {
  readonly basis: Matrix;
  readonly right: Matrix;
}

/** Randomised subspace iteration with one power step (Halko, Martinsson and Tropp, arXiv 0909.4061). */
function findSubspace(matrix: Matrix, rank: number): Subspace {
  const first = multiply(matrix, drawSigns(matrix.columns, rank));
  orthonormalize(first);
  const across = multiplyTransposed(matrix, first);
  orthonormalize(across);
  const basis = multiply(matrix, across);
  orthonormalize(basis);
  return { basis, right: multiplyTransposed(matrix, basis) };
}

/** Sum of the squares of a matrix's entries. */
export function energyOf({ data }: Matrix): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] ?? 0) ** 2;
  return sum;
}

/** Energy of the strongest part of a matrix of at most a rank. */
export function findStrongestEnergy(matrix: Matrix, rank: number): number {
  return energyOf(findSubspace(matrix, rank).right);
}

/**
 * Energy that is left of a matrix when its largest remaining row has been taken out of all, so many times (Gram-Schmidt with pivots): no less than its
 * strongest part of that rank leaves, mostly a few times that, and far less work to find.
 */
export function energyAfterPivots(matrix: Matrix, rank: number): number {
  const data = matrix.data.slice();
  const rows = Array.from({ length: matrix.rows }, (_, i) =>
    data.subarray(i * matrix.columns, (i + 1) * matrix.columns),
  );
  const energies = Float64Array.from(rows, (row) => product(row, row));
  for (let step = 0; step < rank; step++) {
    const largest = energies.reduce((best, energy, i) => (energy > (energies[best] ?? 0) ? i : best), 0);
    const pivot = rows[largest]?.slice() ?? new Float64Array();
    const energy = product(pivot, pivot);
    if (!(energy > 0)) return 0;
    rows.forEach((row, i) => {
      const share = product(row, pivot) / energy;
      for (let k = 0; k < row.length; k++) row[k] = (row[k] ?? 0) - share * (pivot[k] ?? 0);
      energies[i] = i === largest ? 0 : (energies[i] ?? 0) - share * share * energy;
    });
  }
  return energyOf({ ...matrix, data });
}

/** Inner product of two rows. */
function product(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] ?? 0) * (b[k] ?? 0);
  return sum;
}

/** Finds the strongest part of a matrix of at most a rank. */
export function findFactors(matrix: Matrix, rank: number): Factors {
  const { basis, right } = findSubspace(matrix, rank);
  const { vectors, values } = findEigenvectors(multiplyTransposed(right, right));
  return { left: multiply(basis, vectors), right: multiply(right, vectors), energies: values };
}
