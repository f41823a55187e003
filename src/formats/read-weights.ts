import { invariant } from '../assert.ts';
import { decodeToFloat32, valuesPerElement } from '../tensors/decode.ts';
import { elementByteLength, elementCount, isFloat } from '../tensors/dtype.ts';
import { permuteAxes, permuteShape } from '../tensors/permute.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { OpenCheckpoint, TensorEntry } from './format.ts';

/** True for the tensors that lineage compares: weights whose values are weights as they stand. */
function isComparedWeight(tensor: TensorEntry): boolean {
  return tensor.role === 'weight' && isFloat(tensor.dtype);
}

/** Of a checkpoint with more values than this only some rows are read: they decide as well as all, and fit any memory. */
const MOST_VALUES = 1 << 24;
/** Values that are then read at most, as every 4th, 8th, … row of each tensor: 32 MiB of f32. */
const SAMPLED_VALUES = 1 << 23;
/** No tensor is cut below this. */
const LEAST_VALUES = 4096;

/** The rows of a tensor that are read: every `step`-th. */
interface Rows {
  readonly step: number;
  readonly count: number;
  /** Values of one row. */
  readonly width: number;
}

const valueCount = (tensor: TensorEntry) => elementCount(tensor.shape) * valuesPerElement(tensor.dtype);

/** A power of two, so that a head of another size or some new rows of an embedding leave it as it is. */
function stepOf(tensors: readonly TensorEntry[]): number {
  const total = tensors.reduce((sum, tensor) => sum + valueCount(tensor), 0);
  return total <= MOST_VALUES ? 1 : 2 ** Math.ceil(Math.log2(total / SAMPLED_VALUES));
}

/** Of a tensor by its channels-first shape. */
function rowsOf(shape: readonly number[], values: number, step: number): Rows {
  const rows = shape.length > 0 ? (shape[0] ?? 1) : 1;
  const own = Math.max(1, Math.min(step, rows, Math.floor(values / LEAST_VALUES)));
  return { step: own, count: Math.ceil(rows / own), width: rows > 0 ? values / rows : 0 };
}

/** Decodes a tensor piece by piece and keeps the values of the given rows. */
async function readValues(checkpoint: OpenCheckpoint, tensor: TensorEntry, { step, count, width }: Rows) {
  const values = new Float32Array(step === 1 ? valueCount(tensor) : count * width);
  let passed = 0;
  for await (const piece of checkpoint.readTensor(tensor)) {
    const elements = (piece.byteLength / elementByteLength(tensor.dtype)) * valuesPerElement(tensor.dtype);
    if (step === 1) decodeToFloat32(tensor.dtype, piece, values.subarray(passed));
    else keepRows(decodeToFloat32(tensor.dtype, piece, new Float32Array(elements)), passed, values, step, width);
    passed += elements;
  }
  invariant(passed === valueCount(tensor), `${tensor.name} has ${elementByteLength(tensor.dtype)} bytes an element`);
  return values;
}

/** Copies what a stretch of values holds of every `step`-th row. */
function keepRows(piece: Float32Array, start: number, values: Float32Array, step: number, width: number): void {
  for (let row = Math.floor(start / width / step) * step; row * width < start + piece.length; row += step) {
    const from = Math.max(row * width, start);
    const to = Math.min((row + 1) * width, start + piece.length);
    if (from < to) values.set(piece.subarray(from - start, to - start), (row / step) * width + from - row * width);
  }
}

/** Reads one tensor or some rows of it, decoded, its axes brought to channels-first order. */
async function readWeight(checkpoint: OpenCheckpoint, tensor: TensorEntry, step: number): Promise<WeightArray> {
  const { shape, toCanonical } = tensor;
  if (toCanonical === undefined) {
    const rows = rowsOf(shape, valueCount(tensor), step);
    const data = await readValues(checkpoint, tensor, rows);
    return { shape: rows.step === 1 ? shape : [rows.count, ...shape.slice(1)], data };
  }
  const whole = await readValues(checkpoint, tensor, { step: 1, count: 0, width: 0 });
  const turned = { shape: permuteShape(shape, toCanonical), data: permuteAxes(whole, shape, toCanonical) };
  return cutRows(turned, rowsOf(turned.shape, turned.data.length, step));
}

function cutRows({ shape, data }: WeightArray, { step, count, width }: Rows): WeightArray {
  if (step === 1) return { shape, data };
  const kept = new Float32Array(count * width);
  keepRows(data, 0, kept, step, width);
  return { shape: [count, ...shape.slice(1)], data: kept };
}

/**
 * Reads the weights of a checkpoint into memory: its float tensors of the role weight, axes channels-first. Of a checkpoint with more than 2^24 values
 * every tensor is given as some of its rows, evenly spread, and its shape says how many: memory is bounded whatever the size.
 *
 * @throws BadFileError when a tensor's stored form does not decode.
 */
export async function readWeights(checkpoint: OpenCheckpoint): Promise<Weights> {
  const weights = new Map<string, WeightArray>();
  const compared = checkpoint.tensors.filter(isComparedWeight);
  const step = stepOf(compared);
  for (const tensor of compared) weights.set(tensor.name, await readWeight(checkpoint, tensor, step));
  return weights;
}
