import type { WeightArray, Weights } from '../tensors/weights.ts';

/** Rows of a matrix that are one part of attention, and the rows of its bias. */
interface Part {
  readonly weight: string;
  readonly bias: string;
  /** Which part of how many the rows are: query, key and value may be fused. */
  readonly part: number;
  readonly of: number;
}

/**
 * Two layers of attention between which any invertible matrix may be put, one for each head, with its inverse on the other side: `first` is read
 * through `second`. Their product does not change, whatever the number of heads.
 */
export interface AttentionPair {
  /** Name of the product: it stands for the tensors of both. */
  readonly name: string;
  readonly first: Part;
  readonly second: Part;
  /** `score`: x' first' second x; `value`: second first x. */
  readonly kind: 'score' | 'value';
}

/** Vectors that a product is multiplied with: it is compared by what it makes of them. */
const PROBES = 32;

const SEPARATE = [
  { names: ['q', 'k', 'v'], outputs: ['o'] },
  { names: ['q_proj', 'k_proj', 'v_proj'], outputs: ['o_proj', 'out_proj', 'dense'] },
  { names: ['q_lin', 'k_lin', 'v_lin'], outputs: ['out_lin'] },
  { names: ['wq', 'wk', 'wv'], outputs: ['wo'] },
  { names: ['to_q', 'to_k', 'to_v'], outputs: ['to_out.0', 'to_out'] },
  { names: ['query', 'key', 'value'], outputs: ['out', 'proj', 'dense', 'output', '../output.dense'] },
] as const;
const FUSED = [
  { weight: 'in_proj_weight', bias: 'in_proj_bias', outputs: ['out_proj'] },
  { weight: 'qkv.weight', bias: 'qkv.bias', outputs: ['proj', 'out_proj', 'o_proj'] },
  { weight: 'Wqkv.weight', bias: 'Wqkv.bias', outputs: ['out_proj', 'Wo'] },
  { weight: 'c_attn.weight', bias: 'c_attn.bias', outputs: ['c_proj'] },
] as const;

/** How the names of the tensors end that are looked for first. */
const FIRST_ENDINGS = [...SEPARATE.map(({ names }) => `${names[0]}.weight`), ...FUSED.map(({ weight }) => weight)];

/** Finds the pairs by their names, where the shapes are those of linear layers (out, in) and query and key have equally many heads. */
export function findAttentionPairs(weights: Weights): readonly AttentionPair[] {
  const likely = new Set<string>();
  for (const name of weights.keys()) {
    for (const ending of FIRST_ENDINGS) if (name.endsWith(ending)) likely.add(name.slice(0, -ending.length));
  }
  if (likely.size === 0) return [];
  const parents = new Set([...weights.keys()].flatMap(parentsOf));
  return [...parents]
    .filter((parent) => likely.has(parent))
    .flatMap((parent) => [...separatePairs(weights, parent), ...fusedPairs(weights, parent)]);
}

/** Paths that may hold the parts of attention: one and two levels above a tensor. */
function parentsOf(name: string): readonly string[] {
  const parts = name.split('.');
  return [parts.slice(0, -1), parts.slice(0, -2)].map((path) => path.map((part) => `${part}.`).join(''));
}

function separatePairs(weights: Weights, parent: string): AttentionPair[] {
  return SEPARATE.flatMap(({ names, outputs }) => {
    const [query, key, value] = names.map((name) => wholePart(`${parent}${name}`));
    if (!query || !key || !value || !weights.has(query.weight)) return [];
    return pairsOf(weights, parent, [query, key, value], outputs);
  });
}

function fusedPairs(weights: Weights, parent: string): AttentionPair[] {
  return FUSED.flatMap(({ weight, bias, outputs }) => {
    const part = (i: number): Part => ({ weight: parent + weight, bias: parent + bias, part: i, of: 3 });
    return weights.has(parent + weight) ? pairsOf(weights, parent, [part(0), part(1), part(2)], outputs) : [];
  });
}

function pairsOf(
  weights: Weights,
  parent: string,
  [query, key, value]: readonly [Part, Part, Part],
  outputs: readonly string[],
): AttentionPair[] {
  const output = outputs.map((name) => wholePart(resolve(parent, name))).find(({ weight }) => weights.has(weight));
  const score: AttentionPair = { name: `${parent}query*key`, first: query, second: key, kind: 'score' };
  const pairs = [score];
  if (output) pairs.push({ name: `${parent}value*output`, first: value, second: output, kind: 'value' });
  return pairs.filter((pair) => isFitting(weights, pair));
}

const wholePart = (path: string): Part => ({ weight: `${path}.weight`, bias: `${path}.bias`, part: 0, of: 1 });

/** `../x` beside the parent. */
function resolve(parent: string, name: string): string {
  if (!name.startsWith('../')) return parent + name;
  return parent.replace(/[^.]*\.$/, '') + name.slice('../'.length);
}

function isFitting(weights: Weights, { first, second, kind }: AttentionPair): boolean {
  const [a, b] = [matrixOf(weights, first), matrixOf(weights, second)];
  if (!a || !b) return false;
  return kind === 'score' ? a.rows === b.rows && a.columns === b.columns : a.rows === b.columns;
}

interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float32Array;
}

function matrixOf(weights: Weights, { weight, part, of }: Part): Matrix | undefined {
  const tensor = weights.get(weight);
  const [rows = 0, columns = 0] = tensor?.shape ?? [];
  if (tensor?.shape.length !== 2 || rows % of !== 0) return undefined;
  const size = tensor.data.length / of;
  return { rows: rows / of, columns, data: tensor.data.subarray(part * size, (part + 1) * size) };
}

function vectorOf(weights: Weights, part: Part, length: number): Float32Array {
  return slice(weights.get(part.bias)?.data, part, length);
}

/** The product of a pair, applied to fixed vectors of signs, and what it makes of the biases: one row of numbers, whose spectrum says nothing. */
export function multiplyPair(weights: Weights, pair: AttentionPair): WeightArray | undefined {
  const [a, b] = [matrixOf(weights, pair.first), matrixOf(weights, pair.second)];
  if (!a || !b || !isFitting(weights, pair)) return undefined;
  const bias = vectorOf(weights, pair.first, a.rows);
  const rows: Float32Array[] = [];
  if (pair.kind === 'value') {
    for (let i = 0; i < PROBES; i++) rows.push(times(b, times(a, signs(a.columns, i))));
    rows.push(times(b, bias));
  } else {
    const other = vectorOf(weights, pair.second, b.rows);
    for (let i = 0; i < PROBES; i++) rows.push(timesTransposed(a, times(b, signs(b.columns, i))));
    rows.push(timesTransposed(a, other), timesTransposed(b, bias));
  }
  const width = rows[0]?.length ?? 0;
  const data = new Float32Array(rows.length * width);
  for (const [i, row] of rows.entries()) data.set(row, i * width);
  return { shape: [data.length], data };
}

/**
 * How far rounding of the factors moves the values of a product (standard deviations), where `halves` holds for each tensor half the spacing that its
 * values were rounded to: errors are uniform and independent, so that their variances add.
 */
export function deviationsOfPair(
  weights: Weights,
  halves: ReadonlyMap<string, Float32Array>,
  pair: AttentionPair,
): Float32Array | undefined {
  const [a, b] = [matrixOf(weights, pair.first), matrixOf(weights, pair.second)];
  if (!a || !b || !isFitting(weights, pair)) return undefined;
  const [roundA, roundB] = [squaresIn(halves, pair.first, a), squaresIn(halves, pair.second, b)];
  const biases = [pair.first, pair.second].map((part, i) => {
    const length = (i === 0 ? a : b).rows;
    return [vectorOf(weights, part, length), squared(slice(halves.get(part.bias), part, length))] as const;
  });
  const [[bias, roundBias], [other, roundOther]] = [biases[0] ?? [], biases[1] ?? []];
  if (!bias || !roundBias || !other || !roundOther) return undefined;
  const rows: Float32Array[] = [];
  if (pair.kind === 'value') {
    const errors = rowSums(roundA);
    for (let i = 0; i < PROBES; i++) rows.push(varianceOf(times, b, roundB, times(a, signs(a.columns, i)), errors));
    rows.push(varianceOf(times, b, roundB, bias, roundBias));
  } else {
    const errors = rowSums(roundB);
    for (let i = 0; i < PROBES; i++)
      rows.push(varianceOf(timesTransposed, a, roundA, times(b, signs(b.columns, i)), errors));
    rows.push(varianceOf(timesTransposed, a, roundA, other, roundOther));
    rows.push(varianceOf(timesTransposed, b, roundB, bias, roundBias));
  }
  return Float32Array.from(rows.flatMap((row) => Array.from(row, (variance) => Math.sqrt(variance / 3))));
}

type Multiply = (matrix: Matrix, x: Float32Array) => Float32Array;

/** Squared half spacings of what a matrix makes of a vector: those of the matrix times the vector, and the matrix times those of the vector. */
function varianceOf(multiply: Multiply, m: Matrix, round: Matrix, x: Float32Array, errors: Float32Array): Float32Array {
  const own = multiply(round, squared(x));
  const passed = multiply({ ...m, data: squared(m.data) }, errors);
  return own.map((variance, i) => variance + (passed[i] ?? 0));
}

function squaresIn(halves: ReadonlyMap<string, Float32Array>, part: Part, { rows, columns }: Matrix): Matrix {
  return { rows, columns, data: squared(slice(halves.get(part.weight), part, rows * columns)) };
}

/** The values of one part of a fused tensor; zeros where there are none. */
function slice(data: Float32Array | undefined, { part, of }: Part, length: number): Float32Array {
  return data?.length === length * of ? data.subarray(part * length, (part + 1) * length) : new Float32Array(length);
}

const squared = (values: Float32Array) => values.map((x) => x * x);

function rowSums({ rows, columns, data }: Matrix): Float32Array {
  return Float32Array.from({ length: rows }, (_, row) =>
    data.subarray(row * columns, (row + 1) * columns).reduce((sum, x) => sum + x, 0),
  );
}

/** The values of both layers of a pair, row after row as they are kept; of fused ones, the parts that it takes. */
export function factorsOfPair(weights: Weights, { first, second }: AttentionPair): readonly WeightArray[] {
  return [first, second].flatMap((part) => {
    const matrix = matrixOf(weights, part);
    return matrix ? [{ shape: [matrix.rows, matrix.columns], data: matrix.data }] : [];
  });
}

function times({ rows, columns, data }: Matrix, x: Float32Array): Float32Array {
  return Float32Array.from({ length: rows }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += (data[i * columns + j] ?? 0) * (x[j] ?? 0);
    return sum;
  });
}

function timesTransposed({ rows, columns, data }: Matrix, x: Float32Array): Float32Array {
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) sums[j] = (sums[j] ?? 0) + (data[i * columns + j] ?? 0) * (x[i] ?? 0);
  return Float32Array.from(sums);
}

/** Signs that depend on place and number alone, by an integer hash. */
function signs(length: number, seed: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    let x = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
    x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
    return (x ^ (x >>> 15)) & 1 ? 1 : -1;
  });
}

/** Names of the tensors that a pair takes all of; of fused ones, those whose other parts are taken too. */
export function tensorsOf(pairs: readonly AttentionPair[]): ReadonlySet<string> {
  const parts = new Map<string, { readonly of: number; readonly taken: Set<number> }>();
  for (const { weight, bias, part, of } of pairs.flatMap(({ first, second, kind }) =>
    kind === 'score' ? [first, second] : [first, { ...second, bias: '' }],
  )) {
    for (const name of [weight, bias]) {
      const seen = parts.get(name) ?? { of, taken: new Set<number>() };
      seen.taken.add(part);
      parts.set(name, seen);
    }
  }
  return new Set([...parts].filter(([name, { of, taken }]) => name !== '' && taken.size === of).map(([name]) => name));
}
