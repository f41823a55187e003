import { invariant } from '../assert.ts';
import type { ByteSource } from '../bytes/source.ts';
import { decodeToFloat32, valuesPerElement } from '../tensors/decode.ts';
import { elementByteLength, isFloat } from '../tensors/dtype.ts';
import { permuteAxes, permuteShape } from '../tensors/permute.ts';
import { allRows, keepRows, type RowSample, sampleOf, stepTo, stretchesOf, thinRows } from '../tensors/row-sample.ts';
import { shapesOf } from '../tensors/shapes-of.ts';
import type { WeightArray, WeightSample, Weights } from '../tensors/weights.ts';
import type { OpenCheckpoint, TensorEntry } from './format.ts';
import { batchFrom, readBatch } from './read-batch.ts';
import { ValueRoom } from './value-room.ts';
import { countOf, cutShape, isWhole, valueCount, type Wanted } from './wanted.ts';

/** True for the tensors that lineage compares: weights whose values are weights as they stand. */
function isComparedWeight(tensor: TensorEntry): boolean {
  return tensor.role === 'weight' && isFloat(tensor.dtype);
}

/** Of a checkpoint with more values than this only some rows are read: they decide as well as all, and fit any memory. */
const MOST_VALUES = 1 << 24;
/** Values that are then kept at most: 32 MiB of f32. */
const SAMPLED_VALUES = 1 << 23;

/** A power of two, so that a head of another size or some new rows of an embedding leave it as it is. */
function stepOf(tensors: readonly TensorEntry[]): number {
  const total = tensors.reduce((sum, tensor) => sum + valueCount(tensor), 0);
  return total <= MOST_VALUES ? 1 : stepTo(total, SAMPLED_VALUES);
}

/** The compared tensors, with the rows of them that are at hand as a checkpoint's weights. */
function listWanted({ tensors }: OpenCheckpoint): readonly Wanted[] {
  const compared = tensors.filter(isComparedWeight);
  const step = stepOf(compared);
  return compared.map((tensor) => {
    const { toCanonical } = tensor;
    const shape = toCanonical === undefined ? tensor.shape : permuteShape(tensor.shape, toCanonical);
    const values = valueCount(tensor);
    return { tensor, shape, sample: step === 1 ? allRows(shape, values) : sampleOf(shape, values, step) };
  });
}

/** A stretch of a tensor as it is stored; the first of its values has the number `start`. */
interface Piece {
  readonly start: number;
  readonly bytes: Uint8Array;
}

const valuesIn = ({ dtype }: TensorEntry, { byteLength }: Uint8Array) =>
  (byteLength / elementByteLength(dtype)) * valuesPerElement(dtype);

/** A whole tensor piece by piece. */
async function* readAll(checkpoint: OpenCheckpoint, tensor: TensorEntry): AsyncGenerator<Piece> {
  let start = 0;
  for await (const bytes of checkpoint.readTensor(tensor)) {
    yield { start, bytes };
    start += valuesIn(tensor, bytes);
  }
  invariant(start === valueCount(tensor), `${tensor.name} has ${elementByteLength(tensor.dtype)} bytes an element`);
}

/** What holds the rows of a sample, of a tensor that stands in its file as it is. */
async function* readStretches(source: ByteSource, offset: number, { tensor, sample }: Wanted): AsyncGenerator<Piece> {
  const size = elementByteLength(tensor.dtype);
  for (const { start, end } of stretchesOf(sample))
    yield { start, bytes: await source.read(offset + start * size, (end - start) * size) };
}

function piecesOf(checkpoint: OpenCheckpoint, wanted: Wanted): AsyncGenerator<Piece> {
  const { tensor } = wanted;
  const source = checkpoint.files[tensor.at?.file ?? -1]?.source;
  const isInPlace = tensor.at !== undefined && source !== undefined && valuesPerElement(tensor.dtype) === 1;
  const isCut = isInPlace && tensor.toCanonical === undefined && !isWhole(wanted);
  return isCut ? readStretches(source, tensor.at.offset, wanted) : readAll(checkpoint, tensor);
}

/** Reads the rows of one tensor, its axes brought to channels-first order; stops after each piece. */
async function* readWanted(
  checkpoint: OpenCheckpoint,
  wanted: Wanted,
  room: ValueRoom,
): AsyncGenerator<void, WeightArray> {
  const { tensor, sample } = wanted;
  const { dtype, shape, toCanonical } = tensor;
  const isDecodedWhole = toCanonical !== undefined || isWhole(wanted);
  const data = room.take(isDecodedWhole ? valueCount(tensor) : countOf(sample));
  for await (const { start, bytes } of piecesOf(checkpoint, wanted)) {
    if (isDecodedWhole) decodeToFloat32(dtype, bytes, start === 0 ? data : data.subarray(start));
    else keepRows(decodeToFloat32(dtype, bytes, new Float32Array(valuesIn(tensor, bytes))), start, data, sample);
    yield;
  }
  const turned = toCanonical === undefined ? data : permuteAxes(data, shape, toCanonical);
  return { shape: cutShape(wanted), data: isDecodedWhole && !isWhole(wanted) ? cutRows(turned, sample) : turned };
}

function cutRows(values: Float32Array, sample: RowSample): Float32Array {
  const kept = new Float32Array(sample.rows.length * sample.width);
  keepRows(values, 0, kept, sample);
  return kept;
}

async function* readEach(checkpoint: OpenCheckpoint, wanted: readonly Wanted[]): AsyncGenerator<void, Weights> {
  const weights = new Map<string, WeightArray>();
  const room = new ValueRoom(wanted.reduce((sum, { sample }) => sum + countOf(sample), 0));
  for (let next = 0; next < wanted.length; ) {
    const batch = batchFrom(checkpoint, wanted, next);
    if (batch !== undefined) {
      await readBatch(batch, room, weights);
      next += batch.members.length;
      yield;
      continue;
    }
    const one = wanted[next++];
    if (one !== undefined) weights.set(one.tensor.name, yield* readWanted(checkpoint, one, room));
  }
  return weights;
}

/**
 * Reads the weights of a checkpoint into memory: its float tensors of the role weight, axes channels-first. Of a checkpoint with more than 2^24 values
 * every tensor is given as some of its rows, and its shape says how many ({@link sampleOf}): memory is bounded whatever the size, and of what is stored
 * a quarter is decoded.
 *
 * @throws BadFileError when a tensor's stored form does not decode.
 */
export async function readWeights(checkpoint: OpenCheckpoint): Promise<Weights> {
  const [weights] = await inTurns([readEach(checkpoint, listWanted(checkpoint))]);
  return weights ?? new Map();
}

/**
 * Reads the rows that candidates are ranked by ({@link thinRows}), piece by piece: of several checkpoints in turns ({@link inTurns}), so that those
 * which are coded against one another are decoded together.
 *
 * @throws BadFileError when a tensor's stored form does not decode.
 */
export async function* sampleWeights(checkpoint: OpenCheckpoint): AsyncGenerator<void, WeightSample> {
  const all = listWanted(checkpoint);
  const total = all.reduce((sum, { sample }) => sum + sample.rows.length * sample.width, 0);
  const thinned = all.map((wanted) => {
    const sample = thinRows(wanted.sample, cutShape(wanted), total);
    return sample.rows.length === wanted.sample.rows.length ? wanted : { ...wanted, sample };
  });
  const weights = yield* readEach(checkpoint, thinned);
  if (thinned.every((wanted, i) => wanted === all[i])) return { weights, shapes: shapesOf(weights) };
  const shapes = all.map((wanted): [string, readonly number[]] => [wanted.tensor.name, cutShape(wanted)]);
  return { weights, shapes: new Map(shapes) };
}

/** Advances tasks one step each in turns until all have ended; when one fails, the others end too. */
export async function inTurns<T>(tasks: readonly AsyncGenerator<void, T>[]): Promise<T[]> {
  const results = new Map<AsyncGenerator<void, T>, T>();
  try {
    while (results.size < tasks.length) {
      for (const task of tasks) {
        if (results.has(task)) continue;
        const step = await task.next();
        if (step.done) results.set(task, step.value);
      }
    }
  } finally {
    for (const task of tasks) if (!results.has(task)) await task.return(undefined as never);
  }
  return tasks.map((task) => results.get(task) as T);
}
