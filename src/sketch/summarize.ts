import { createSha256 } from '../bytes/sha256.ts';
import { CHUNK_BYTES } from '../bytes/source.ts';
import { BadFileError } from '../errors.ts';
import { ChecksumCheck } from '../formats/checksums.ts';
import type { OpenCheckpoint, TensorEntry } from '../formats/format.ts';
import { parseFileHash } from '../objects/ids.ts';
import { CHUNK_ELEMENTS } from '../tensors/chunks.ts';
import { elementByteLength, elementCount } from '../tensors/dtype.ts';
import { createStatistics } from '../tensors/statistics.ts';
import { StatisticsTable } from '../tensors/statistics-table.ts';
import { takeChunkRoom } from '../tensors/value-memory.ts';
import { finishSketch } from './count-sketch.ts';
import { sketchInvariants } from './invariant-sketch.ts';
import { spaceOf } from './space.ts';
import type { Summary, TensorSummary } from './summary.ts';
import { type PassBuffers, type PassRoom, TensorPass } from './tensor-pass.ts';
import { createSketchTotals, type SketchTotals } from './tensor-sketch.ts';

export interface SummarizeOptions {
  /** Called as the files are read, with the bytes read since the last call. */
  readonly onBytes?: (byteLength: number) => void;
}

/** A checkpoint on its way through. */
interface Pass extends PassRoom {
  readonly checkpoint: OpenCheckpoint;
  readonly totals: SketchTotals;
  readonly tensors: Map<string, TensorSummary>;
  readonly onBytes: (byteLength: number) => void;
  matrixSquareSum: number;
}

type VerbatimTensor = TensorEntry & { readonly at: NonNullable<TensorEntry['at']> };

const plainByteLength = (entry: TensorEntry): number => elementCount(entry.shape) * elementByteLength(entry.dtype);

function isVerbatim(entry: TensorEntry, file: number): entry is VerbatimTensor {
  return entry.at !== undefined && entry.at.file === file && entry.at.byteLength === plainByteLength(entry);
}

/** The tensors that can be read while a file streams by, in its order; those that overlap an earlier one are read on their own. */
function tensorsInFileOrder(checkpoint: OpenCheckpoint, file: number): readonly VerbatimTensor[] {
  const tensors = checkpoint.tensors.filter((entry): entry is VerbatimTensor => isVerbatim(entry, file));
  tensors.sort((a, b) => a.at.offset - b.at.offset);
  let end = 0;
  return tensors.filter(({ at }) => {
    if (at.byteLength === 0 || at.offset < end) return false;
    end = at.offset + at.byteLength;
    return true;
  });
}

function endTensor(pass: Pass, entry: TensorEntry, tensor: TensorPass): void {
  if (tensor.byteLength !== plainByteLength(entry)) {
    const rule = `tensor ${JSON.stringify(entry.name)} must have as many bytes as its shape says`;
    throw new BadFileError({ format: pass.checkpoint.format, rule });
  }
  const summary = tensor.finish(pass.totals);
  pass.tensors.set(entry.name, summary);
  if (tensor.isMatrix) pass.matrixSquareSum += summary.statistics.squareSum;
}

/** Hands the bytes of a file to its tensors, one after the other. */
class FileFeeder {
  readonly #pass: Pass;
  readonly #waiting: VerbatimTensor[];
  #current: TensorPass | undefined;
  #offset = 0;

  constructor(pass: Pass, file: number) {
    this.#pass = pass;
    this.#waiting = [...tensorsInFileOrder(pass.checkpoint, file)].reverse();
  }

  write(piece: Uint8Array): void {
    const start = this.#offset;
    this.#offset += piece.byteLength;
    for (let entry = this.#waiting.at(-1); entry !== undefined; entry = this.#waiting.at(-1)) {
      const { offset, byteLength } = entry.at;
      if (offset >= this.#offset) return;
      this.#current ??= new TensorPass(entry, this.#pass);
      this.#current.write(piece.subarray(Math.max(0, offset - start), offset + byteLength - start));
      if (offset + byteLength > this.#offset) return;
      endTensor(this.#pass, entry, this.#current);
      this.#current = undefined;
      this.#waiting.pop();
    }
  }
}

async function readFile(pass: Pass, index: number): Promise<Summary['files'][number]> {
  const { name, source } = pass.checkpoint.files[index] ?? {};
  const hash = createSha256();
  const feeder = new FileFeeder(pass, index);
  const check = new ChecksumCheck(pass.checkpoint, index);
  const room = new Uint8Array(Math.min(CHUNK_BYTES, source?.byteLength ?? 0));
  for await (const piece of source?.stream(0, source.byteLength, room) ?? []) {
    hash.update(piece);
    check.write(piece);
    feeder.write(piece);
    pass.onBytes(piece.byteLength);
  }
  return { name: name ?? '', byteLength: source?.byteLength ?? 0, sha256: parseFileHash(hash.hex()) };
}

/** Reads a tensor that does not stand verbatim in a file: compressed, strided, or sharing its bytes with another. */
async function readAlone(pass: Pass, entry: TensorEntry): Promise<void> {
  const tensor = new TensorPass(entry, pass);
  for await (const piece of pass.checkpoint.readTensor(entry)) tensor.write(piece);
  endTensor(pass, entry, tensor);
}

/** Tensors below this never need the memory that loops share. */
const SMALL_BYTES = 1 << 14;

/** Room for the largest chunk there is: clearing megabytes for every small file would take longer than reading it. */
function createBuffers({ tensors }: OpenCheckpoint): PassBuffers {
  const largest = tensors.reduce((most, entry) => Math.max(most, plainByteLength(entry)), 1);
  const room = largest < SMALL_BYTES ? undefined : takeChunkRoom();
  if (room !== undefined) return room;
  const byteLength = Math.min(8 * CHUNK_ELEMENTS, largest);
  const chunk = new Uint8Array(byteLength);
  // No element takes less than half a byte.
  const values = new Float32Array(Math.min(2 * CHUNK_ELEMENTS, 2 * byteLength));
  return { chunk: () => chunk, values: () => values, release: () => undefined };
}

function createPass(checkpoint: OpenCheckpoint, options: SummarizeOptions): Pass {
  return {
    checkpoint,
    buffers: createBuffers(checkpoint),
    totals: createSketchTotals(),
    statistics: createStatistics(),
    table: new StatisticsTable(checkpoint.tensors.length),
    tensors: new Map(),
    onBytes: options.onBytes ?? (() => undefined),
    matrixSquareSum: 0,
  };
}

function countParameters(tensors: readonly TensorSummary[]): number {
  return tensors.reduce((sum, { role, shape }) => sum + (role === 'weight' ? elementCount(shape) : 0), 0);
}

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function toSummary(pass: Pass, files: Summary['files']): Summary {
  const { checkpoint, totals } = pass;
  const tensors = checkpoint.tensors.flatMap((entry) => pass.tensors.get(entry.name) ?? []);
  return {
    format: checkpoint.format,
    files,
    space: spaceOf(tensors),
    parameters: countParameters(tensors),
    tensors,
    sketch: finishSketch(totals.weights),
    centred: finishSketch(totals.centred),
    norm: Math.sqrt(pass.matrixSquareSum),
    kurtosis: meanOf(totals.kurtoses),
    declared: checkpoint.declared,
  };
}

async function readSummary(pass: Pass): Promise<Summary> {
  const { checkpoint, buffers, tensors } = pass;
  try {
    const files: Summary['files'][number][] = [];
    for (const index of checkpoint.files.keys()) files.push(await readFile(pass, index));
    for (const entry of checkpoint.tensors) if (!tensors.has(entry.name)) await readAlone(pass, entry);
    return toSummary(pass, files);
  } finally {
    buffers.release();
  }
}

/**
 * Summarises a checkpoint in one pass over its files: hashes, content ids, statistics and sketches together. Holds one chunk and,
 * of the tensor that is being read, its means and a bounded sample. Read a second time is only what is
 * not verbatim in a file, and small checkpoints whose hidden units are known, for their invariants.
 *
 * @throws BadFileError when a tensor does not decode, or a part of a file has another checksum than the file states.
 */
export async function summarize(checkpoint: OpenCheckpoint, options: SummarizeOptions = {}): Promise<Summary> {
  const summary = await readSummary(createPass(checkpoint, options));
  const invariants = await sketchInvariants(checkpoint, summary.parameters);
  return invariants === undefined ? summary : { ...summary, invariants };
}
