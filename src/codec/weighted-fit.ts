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

/** A triangular root of a symmetric matrix of `n` rows, `stride` numbers apart, in its place (Cholesky); directions that vanish become zero. */
function factorize(gram: Float64Array, n: number, stride: number): void {
  for (let j = 0; j < n; j++) {
    const before = gram[j * stride + j] ?? 0;
    for (let i = j; i < n; i++) {
      let sum = gram[i * stride + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (gram[i * stride + k] ?? 0) * (gram[j * stride + k] ?? 0);
      const pivot = gram[j * stride + j] ?? 0;
      if (i === j) gram[i * stride + j] = sum > before * 1e-12 ? Math.sqrt(sum) : 0;
      else gram[i * stride + j] = pivot === 0 ? 0 : sum / pivot;
    }
  }
}

/** Solves root x rootᵀ x = right, in place. */
function solve(root: Float64Array, n: number, stride: number, x: Float64Array): void {
  for (let i = 0; i < n; i++) {
    let sum = x[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= (root[i * stride + k] ?? 0) * (x[k] ?? 0);
    const pivot = root[i * stride + i] ?? 0;
    x[i] = pivot === 0 ? 0 : sum / pivot;
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (root[k * stride + i] ?? 0) * (x[k] ?? 0);
    const pivot = root[i * stride + i] ?? 0;
    x[i] = pivot === 0 ? 0 : sum / pivot;
  }
}

/**
 * Best known numbers a pair that a line is fitted by. What a number says grows with the square of its precision, and of weights the small ones are known
 * best: of 4,608 numbers of a Gaussian and 24 pairs, these 192 hold seven eighths of what all say.
 */
const BEST_PER_PAIR = 8;

/** Powers of two that a weight can have: the exponents of binary64, which are the top bits of the upper half, below a sign that is never set. */
const WEIGHT_CLASSES = 2048;

/** What is used again for each line: no line allocates. */
interface LineFit {
  readonly rank: number;
  /** How many weights there are of each power of two. */
  readonly classes: Uint32Array;
  /** The rows of the factor that a line is fitted by, as rank x room, each times the root of its weight; then the line itself, and room for one more. */
  readonly terms: Float64Array;
  readonly room: number;
  /** rank + 2 squared. */
  readonly gram: Float64Array;
}

/** The halves of numbers' bits, two by two; see {@link HIGH}. */
const highWords = ({ buffer, byteOffset, length }: Float64Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length * 2);

/** Which half holds the exponent: the second, as codecs run on little-endian machines only. */
const HIGH = 1;

/** Columns of a line that are known best, at most `wanted` of them, in their order; fewer where the others are not there. */
function selectBest(
  weights: Uint32Array,
  { from, count, wanted }: { readonly from: number; readonly count: number; readonly wanted: number },
  classes: Uint32Array,
  selected: Uint32Array,
): number {
  classes.fill(0);
  for (let j = 0; j < count; j++) {
    const power = (weights[(from + j) * 2 + HIGH] ?? 0) >>> 20;
    classes[power] = (classes[power] ?? 0) + 1;
  }
  let least = WEIGHT_CLASSES;
  let room = wanted;
  while (least > 1 && room > 0) room -= classes[--least] ?? 0;
  // Of the last class that is taken only as many as there is room for.
  let ofLeast = (classes[least] ?? 0) + Math.min(0, room);
  let taken = 0;
  for (let j = 0; j < count; j++) {
    const power = (weights[(from + j) * 2 + HIGH] ?? 0) >>> 20;
    if (power < least || (power === least && ofLeast-- <= 0)) continue;
    selected[taken++] = j;
  }
  return taken;
}

/** Products of all pairs of terms, and of each with the line: the lower triangle, two by two so that what is loaded serves twice. */
function addProducts({ rank, terms, room, gram }: LineFit, count: number, products: Float64Array): void {
  for (let i = 0; i <= rank; i += 2) {
    for (let k = 0; k <= i; k += 2) {
      const [a, b, c, d] = [i * room, (i + 1) * room, k * room, (k + 1) * room];
      let [ac, ad, bc, bd] = [0, 0, 0, 0];
      for (let m = 0; m < count; m++) {
        const x = terms[a + m] ?? 0;
        const y = terms[b + m] ?? 0;
        const z = terms[c + m] ?? 0;
        const w = terms[d + m] ?? 0;
        ac += x * z;
        ad += x * w;
        bc += y * z;
        bd += y * w;
      }
      gram[i * (rank + 2) + k] = ac;
      gram[i * (rank + 2) + k + 1] = ad;
      gram[(i + 1) * (rank + 2) + k] = bc;
      gram[(i + 1) * (rank + 2) + k + 1] = bd;
    }
  }
  for (let k = 0; k < rank; k++) products[k] = gram[rank * (rank + 2) + k] ?? 0;
}

/**
 * Fits each row of a matrix by the rows of a factor: least squares, each number by its weight, over the numbers that are known best.
 *
 * @param factor - columns x rank, row-major.
 * @returns rows x rank, row-major; zeros for a row of too few numbers to tell.
 */
export function fitRows({ rows, columns, data, weights }: WeightedMatrix, factor: Float64Array): Float64Array {
  const rank = factor.length / columns;
  const fitted = new Float64Array(rows * rank);
  const room = Math.min(columns, BEST_PER_PAIR * rank);
  const terms = new Float64Array((rank + 2) * room);
  const fit = { rank, room, terms, classes: new Uint32Array(WEIGHT_CLASSES), gram: new Float64Array((rank + 2) ** 2) };
  const selected = new Uint32Array(room);
  const words = highWords(weights);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const count = selectBest(words, { from, count: columns, wanted: room }, fit.classes, selected);
    if (count < NUMBERS_PER_PAIR * rank) continue;
    for (let m = 0; m < count; m++) {
      const j = selected[m] ?? 0;
      const root = Math.sqrt(weights[from + j] ?? 0);
      for (let k = 0; k < rank; k++) terms[k * room + m] = root * (factor[j * rank + k] ?? 0);
      terms[rank * room + m] = root * (data[from + j] ?? 0);
    }
    const x = fitted.subarray(row * rank, (row + 1) * rank);
    addProducts(fit, count, x);
    factorize(fit.gram, rank, rank + 2);
    solve(fit.gram, rank, rank + 2, x);
  }
  return fitted;
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
