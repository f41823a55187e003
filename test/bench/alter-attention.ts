import type { WeightArray, Weights } from '../../src/tensors/weights.ts';
import { createGaussian, createRandom } from '../lineage/alter.ts';
import { shuffled } from '../zoo/random.ts';

/** What the rows of a head are multiplied by, and what undoes it on the other side: its inverse, transposed. */
interface Turn {
  readonly first: readonly (readonly number[])[];
  readonly second: readonly (readonly number[])[];
}

const QUERY = 0;
const KEY = 1;
const VALUE = 2;

/** A network's blocks, by the numbers in the names of timm. */
export function countBlocks(weights: Weights): number {
  return new Set([...weights.keys()].flatMap((name) => /^blocks\.(\d+)\./.exec(name)?.[1] ?? [])).size;
}

function copyOf(weights: Weights): Map<string, WeightArray> {
  return new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));
}

function tensorOf(weights: Weights, name: string): WeightArray {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`The network has no ${name}.`);
  return tensor;
}

/** Heads in another order, in query, key, value and what reads them: the function stays the same. */
export function permuteHeads(weights: Weights, heads: number, seed: number): Weights {
  const random = createRandom(seed);
  const out = copyOf(weights);
  for (let block = 0; block < countBlocks(weights); block++) {
    const order = shuffled(heads, random);
    const place = (unit: number, size: number) => {
      const head = Math.floor(unit / size);
      return (order[head] ?? head) * size + (unit % size);
    };
    moveUnits(out, weights, block, heads, place);
  }
  return out;
}

function moveUnits(
  out: Weights,
  weights: Weights,
  block: number,
  heads: number,
  place: (unit: number, size: number) => number,
): void {
  const path = `blocks.${block}.attn`;
  const proj = tensorOf(weights, `${path}.proj.weight`);
  const width = proj.shape[0] ?? 1;
  const from = (unit: number) => place(unit, width / heads);
  for (const name of [`${path}.qkv.weight`, `${path}.qkv.bias`]) {
    const [source, target] = [tensorOf(weights, name).data, tensorOf(out, name).data];
    const length = source.length / (3 * width);
    for (let row = 0; row < 3 * width; row++) {
      const start = (Math.floor(row / width) * width + from(row % width)) * length;
      target.set(source.subarray(start, start + length), row * length);
    }
  }
  const target = tensorOf(out, `${path}.proj.weight`).data;
  for (let i = 0; i < target.length; i++) target[i] = proj.data[i - (i % width) + from(i % width)] ?? 0;
}

/** Multiplies the parts of every head by matrices that cancel: query and key, value and what reads it, or both. */
export function turnHeads(
  weights: Weights,
  heads: number,
  seed: number,
  pairs: readonly ('score' | 'value')[],
): Weights {
  const gaussian = createGaussian(seed);
  const out = copyOf(weights);
  for (let block = 0; block < countBlocks(weights); block++) {
    const size = (tensorOf(weights, `blocks.${block}.attn.proj.weight`).shape[0] ?? 1) / heads;
    for (let head = 0; head < heads; head++) {
      if (pairs.includes('score')) turnScore(out, block, head, drawTurn(size, gaussian));
      if (pairs.includes('value')) turnValue(out, block, head, drawTurn(size, gaussian));
    }
  }
  return out;
}

/** A rotation, and a factor for each row. */
function drawTurn(size: number, gaussian: () => number): Turn {
  const rows: number[][] = [];
  while (rows.length < size) {
    const row = Array.from({ length: size }, gaussian);
    for (const other of rows) {
      const along = other.reduce((sum, x, i) => sum + x * (row[i] ?? 0), 0);
      other.forEach((x, i) => {
        row[i] = (row[i] ?? 0) - along * x;
      });
    }
    const norm = Math.hypot(...row);
    rows.push(row.map((x) => x / norm));
  }
  const factors = rows.map(() => Math.exp(0.3 * gaussian()));
  return {
    first: rows.map((row, i) => row.map((x) => x * (factors[i] ?? 1))),
    second: rows.map((row, i) => row.map((x) => x / (factors[i] ?? 1))),
  };
}

function turnScore(out: Weights, block: number, head: number, { first, second }: Turn): void {
  turnRows(out, block, QUERY, head, first);
  turnRows(out, block, KEY, head, second);
}

function turnValue(out: Weights, block: number, head: number, { first, second }: Turn): void {
  turnRows(out, block, VALUE, head, first);
  const { shape, data } = tensorOf(out, `blocks.${block}.attn.proj.weight`);
  const width = shape[0] ?? 1;
  multiply(data, second, (row, unit) => row * width + head * second.length + unit, width);
}

/** Turns the rows of one part of a fused layer, and their biases. */
function turnRows(out: Weights, block: number, part: number, head: number, by: Turn['first']): void {
  for (const kind of ['weight', 'bias']) {
    const { shape, data } = tensorOf(out, `blocks.${block}.attn.qkv.${kind}`);
    const width = (shape[0] ?? 3) / 3;
    const length = data.length / (3 * width);
    const first = part * width + head * by.length;
    multiply(data, by, (column, unit) => (first + unit) * length + column, length);
  }
}

/** Replaces each of some vectors of units by a matrix times it. */
function multiply(
  data: Float32Array,
  by: Turn['first'],
  at: (vector: number, unit: number) => number,
  vectors: number,
): void {
  for (let vector = 0; vector < vectors; vector++) {
    const own = by.map((_, unit) => data[at(vector, unit)] ?? 0);
    by.forEach((row, unit) => {
      data[at(vector, unit)] = row.reduce((sum, x, i) => sum + x * (own[i] ?? 0), 0);
    });
  }
}
