import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import type { Query } from '../../src/lineage/model.ts';
import { type ManifestId, parseManifestId } from '../../src/objects/ids.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { createGaussian } from './alter.ts';
import { summarizeWeights } from './memory-checkpoint.ts';

/** Sizes of a small network: inputs, two hidden layers, classes. */
const SIZES = [12, 24, 16, 6] as const;
const SAMPLES = 240;
const BATCH = 24;

interface Layer {
  readonly rows: number;
  readonly columns: number;
  readonly weight: Float64Array;
  readonly bias: Float64Array;
}

interface Example {
  readonly input: Float64Array;
  readonly label: number;
}

export interface RunOptions {
  readonly seed: number;
  readonly epochs: number;
  /** Seed of the data; 1 when absent. */
  readonly data?: number;
  /** Weights to start from instead of an initialisation. */
  readonly start?: Weights;
  readonly rate?: number;
}

/** Examples of a teacher's making: the class is the largest of six random directions, bent. */
function makeData(seed: number): readonly Example[] {
  const gaussian = createGaussian(seed * 7919);
  const teacher = Array.from({ length: 6 }, () => Array.from({ length: SIZES[0] }, gaussian));
  return Array.from({ length: SAMPLES }, () => {
    const input = Float64Array.from({ length: SIZES[0] }, gaussian);
    const scores = teacher.map((row) => row.reduce((sum, w, i) => sum + w * Math.sin(2 * (input[i] ?? 0)), 0));
    return { input, label: scores.indexOf(Math.max(...scores)) };
  });
}

function initialize(seed: number): Layer[] {
  const gaussian = createGaussian(seed);
  return SIZES.slice(1).map((rows, i) => {
    const columns = SIZES[i] ?? 1;
    const size = 1 / Math.sqrt(columns);
    return {
      rows,
      columns,
      weight: Float64Array.from({ length: rows * columns }, () => size * gaussian()),
      bias: Float64Array.from({ length: rows }, () => 0.1 * gaussian()),
    };
  });
}

function forward(layers: readonly Layer[], input: Float64Array): Float64Array[] {
  const values = [input];
  layers.forEach(({ rows, columns, weight, bias }, l) => {
    const before = values[l] ?? input;
    const out = Float64Array.from({ length: rows }, (_, i) => {
      let sum = bias[i] ?? 0;
      for (let j = 0; j < columns; j++) sum += (weight[i * columns + j] ?? 0) * (before[j] ?? 0);
      return l < layers.length - 1 ? Math.tanh(sum) : sum;
    });
    values.push(out);
  });
  return values;
}

/** Adds one example's gradients of the cross-entropy to `gradients`. */
function backward(layers: readonly Layer[], gradients: readonly Layer[], { input, label }: Example): void {
  const values = forward(layers, input);
  const logits = values.at(-1) ?? input;
  const total = logits.reduce((sum, x) => sum + Math.exp(x), 0);
  let error = logits.map((x, i) => Math.exp(x) / total - (i === label ? 1 : 0));
  for (let l = layers.length - 1; l >= 0; l--) {
    const [layer, gradient, before] = [layers[l], gradients[l], values[l] ?? input];
    if (!layer || !gradient) continue;
    const next = new Float64Array(layer.columns);
    error.forEach((e, i) => {
      gradient.bias[i] = (gradient.bias[i] ?? 0) + e;
      for (let j = 0; j < layer.columns; j++) {
        const at = i * layer.columns + j;
        gradient.weight[at] = (gradient.weight[at] ?? 0) + e * (before[j] ?? 0);
        next[j] = (next[j] ?? 0) + e * (layer.weight[at] ?? 0);
      }
    });
    error = next.map((e, j) => e * (1 - (before[j] ?? 0) ** 2));
  }
}

const blank = (layers: readonly Layer[]): Layer[] =>
  layers.map((l) => ({ ...l, weight: new Float64Array(l.weight.length), bias: new Float64Array(l.bias.length) }));

/** Trains one run with Adam and returns its checkpoints: the start, then one an epoch. */
export function trainRun({ seed, epochs, data = 1, start, rate = 4e-3 }: RunOptions): readonly Weights[] {
  const layers = start ? fromWeights(start) : initialize(seed);
  const examples = makeData(data);
  const [first, second] = [blank(layers), blank(layers)];
  const random = createGaussian(seed + 77);
  const checkpoints = start ? [] : [toWeights(layers)];
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = examples.map((example) => ({ example, key: random() })).sort((a, b) => a.key - b.key);
    for (let at = 0; at < order.length; at += BATCH) {
      const gradients = blank(layers);
      for (const { example } of order.slice(at, at + BATCH)) backward(layers, gradients, example);
      step++;
      layers.forEach((layer, l) => {
        for (const part of ['weight', 'bias'] as const) {
          adam(layer[part], gradients[l]?.[part], first[l]?.[part], second[l]?.[part], step, rate);
        }
      });
    }
    checkpoints.push(toWeights(layers));
  }
  return checkpoints;
}

/** One step of Adam (Kingma and Ba, 2015). */
function adam(x: Float64Array, g?: Float64Array, m?: Float64Array, v?: Float64Array, step = 1, rate = 1e-3): void {
  if (!g || !m || !v) return;
  for (let i = 0; i < x.length; i++) {
    const gradient = (g[i] ?? 0) / BATCH;
    m[i] = 0.9 * (m[i] ?? 0) + 0.1 * gradient;
    v[i] = 0.999 * (v[i] ?? 0) + 0.001 * gradient * gradient;
    const mean = (m[i] ?? 0) / (1 - 0.9 ** step);
    const square = (v[i] ?? 0) / (1 - 0.999 ** step);
    x[i] = (x[i] ?? 0) - (rate * mean) / (Math.sqrt(square) + 1e-8);
  }
}

function toWeights(layers: readonly Layer[]): Weights {
  return new Map(
    layers.flatMap(({ rows, columns, weight, bias }, l) => [
      [`fc${l + 1}.weight`, { shape: [rows, columns], data: Float32Array.from(weight) }],
      [`fc${l + 1}.bias`, { shape: [rows], data: Float32Array.from(bias) }],
    ]),
  );
}

function fromWeights(weights: Weights): Layer[] {
  return [1, 2, 3].map((l) => {
    const { shape, data } = weights.get(`fc${l}.weight`) ?? { shape: [0, 0], data: new Float32Array() };
    const bias = weights.get(`fc${l}.bias`)?.data ?? new Float32Array();
    return {
      rows: shape[0] ?? 0,
      columns: shape[1] ?? 0,
      weight: Float64Array.from(data),
      bias: Float64Array.from(bias),
    };
  });
}

export const graphOf = (weights: Weights) =>
  inferAxisGraph([...weights].map(([name, { shape }]) => ({ name, shape, role: 'weight' as const })));

/** An id that says which checkpoint it is: run and position. */
export const idOf = (run: number, position: number): ManifestId =>
  parseManifestId(`${run.toString(16).padStart(4, '0')}${position.toString(16).padStart(4, '0')}`.padEnd(64, '0'));

/** The checkpoints of a run as members of an archive. */
export async function membersOf(run: number, checkpoints: readonly Weights[]): Promise<MemoryEntry[]> {
  const members: MemoryEntry[] = [];
  for (const [position, weights] of checkpoints.entries()) {
    const summary = await summarizeWeights(weights);
    const source = `run-${run}/${position}`;
    members.push({
      id: idOf(run, position),
      summary,
      source,
      trajectory: `run-${run}`,
      position,
      weights,
      graph: graphOf(weights),
    });
  }
  return members;
}

/** Weights as a question. */
export async function queryOf(weights: Weights): Promise<Query> {
  return {
    summary: await summarizeWeights(weights),
    weights: async () => weights,
    axisGraph: async () => graphOf(weights),
  };
}
