import { invariant } from '../assert.ts';
import type { ByteSource } from '../bytes/source.ts';
import { decodeToFloat32, valuesPerElement } from '../tensors/decode.ts';
import { elementByteLength, elementCount, isFloat } from '../tensors/dtype.ts';
import { permuteAxes, permuteShape } from '../tensors/permute.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import type { OpenCheckpoint, TensorEntry } from './format.ts';
import { keepRows, type RowSample, sampleOf, stretchesOf } from './row-sample.ts';
import { ValueRoom } from './value-room.ts';

/** True for the tensors that lineage compares: weights whose values are weights as they stand. */
function isComparedWeight(tensor: TensorEntry): boolean {
  return tensor.role === 'weight' && isFloat(tensor.dtype);
}

/** Of a checkpoint with more values than this only some rows are read: they decide as well as all, and fit any memory. */
const MOST_VALUES = 1 << 24;
/** Values that are then kept at most: 32 MiB of f32. */
const SAMPLED_VALUES = 1 << 23;

const valueCount = (tensor: TensorEntry) => elementCount(tensor.shape) * valuesPerElement(tensor.dtype);

/** A power of two, so that a head of another size or some new rows of an embedding leave it as it is. */
function stepOf(total: number): number {
  return total <= MOST_VALUES ? 1 : 2 ** Math.ceil(Math.log2(total / SAMPLED_VALUES));
}

/** A stretch of a tensor's values, the first of which has the number `start`. */
interface Piece {
  readonly start: number;
  readonly values: Float32Array;
}

function decodePiece({ dtype }: TensorEntry, bytes: Uint8Array): Float32Array {
  const count = (bytes.byteLength / elementByteLength(dtype)) * valuesPerElement(dtype);
  return decodeToFloat32(dtype, bytes, new Float32Array(count));
}

/** Decodes a whole tensor piece by piece. */
async function* readAll(checkpoint: OpenCheckpoint, tensor: TensorEntry): AsyncGenerator<Piece> {
  let start = 0;
  for await (const bytes of checkpoint.readTensor(tensor)) {
    const values = decodePiece(tensor, bytes);
    yield { start, values };
    start += values.length;
  }
  invariant(start === valueCount(tensor), `${tensor.name} has ${elementByteLength(tensor.dtype)} bytes an element`);
}

/** Decodes what holds the rows of a sample, of a tensor that stands in its file as it is. */
async function* readStretches(source: ByteSource, tensor: TensorEntry, offset: number, sample: RowSample) {
  const size = elementByteLength(tensor.dtype);
  for (const { start, end } of stretchesOf(sample)) {
    const bytes = await source.read(offset + start * size, (end - start) * size);
    yield { start, values: decodePiece(tensor, bytes) };
  }
}

function piecesOf(checkpoint: OpenCheckpoint, tensor: TensorEntry, sample: RowSample): AsyncIterable<Piece> {
  const source = checkpoint.files[tensor.at?.file ?? -1]?.source;
  const isInPlace = tensor.at !== undefined && source !== undefined && valuesPerElement(tensor.dtype) === 1;
  return isInPlace ? readStretches(source, tensor, tensor.at.offset, sample) : readAll(checkpoint, tensor);
}

/** Decodes all of a tensor into one array. */
async function readWhole(checkpoint: OpenCheckpoint, tensor: TensorEntry, room: ValueRoom): Promise<Float32Array> {
  const whole = room.take(valueCount(tensor));
  let passed = 0;
  for await (const bytes of checkpoint.readTensor(tensor)) {
    const count = (bytes.byteLength / elementByteLength(tensor.dtype)) * valuesPerElement(tensor.dtype);
    decodeToFloat32(tensor.dtype, bytes, whole.subarray(passed));
    passed += count;
  }
  invariant(passed === whole.length, `${tensor.name} has ${elementByteLength(tensor.dtype)} bytes an element`);
  return whole;
}

/** Reads the rows of a sample. */
async function readRows(checkpoint: OpenCheckpoint, tensor: TensorEntry, sample: RowSample): Promise<Float32Array> {
  const kept = new Float32Array(sample.rows.length * sample.width);
  for await (const { start, values } of piecesOf(checkpoint, tensor, sample)) keepRows(values, start, kept, sample);
  return kept;
}

const cutShape = (shape: readonly number[], { rows }: RowSample) => [rows.length, ...shape.slice(1)];

/** Reads one tensor or some rows of it, decoded, its axes brought to channels-first order. */
async function readWeight(
  checkpoint: OpenCheckpoint,
  tensor: TensorEntry,
  step: number,
  room: ValueRoom,
): Promise<WeightArray> {
  const { shape, toCanonical } = tensor;
  const canonical = toCanonical === undefined ? shape : permuteShape(shape, toCanonical);
  const sample = step === 1 ? undefined : sampleOf(canonical, valueCount(tensor), step);
  if (sample !== undefined && toCanonical === undefined) {
    return { shape: cutShape(shape, sample), data: await readRows(checkpoint, tensor, sample) };
  }
  const whole = await readWhole(checkpoint, tensor, room);
  const data = toCanonical === undefined ? whole : permuteAxes(whole, shape, toCanonical);
  if (sample === undefined) return { shape: canonical, data };
  const kept = new Float32Array(sample.rows.length * sample.width);
  keepRows(data, 0, kept, sample);
  return { shape: cutShape(canonical, sample), data: kept };
}

/**
 * Reads the weights of a checkpoint into memory: its float tensors of the role weight, axes channels-first. Of a checkpoint with more than 2^24 values
 * every tensor is given as some of its rows, and its shape says how many ({@link sampleOf}): memory is bounded whatever the size, and of what is stored
 * a quarter is decoded.
 *
 * @throws BadFileError when a tensor's stored form does not decode.
 */
export async function readWeights(checkpoint: OpenCheckpoint): Promise<Weights> {
  const weights = new Map<string, WeightArray>();
  const compared = checkpoint.tensors.filter(isComparedWeight);
  const total = compared.reduce((sum, tensor) => sum + valueCount(tensor), 0);
  const step = stepOf(total);
  const room = new ValueRoom(total);
  for (const tensor of compared) weights.set(tensor.name, await readWeight(checkpoint, tensor, step, room));
  return weights;
}
