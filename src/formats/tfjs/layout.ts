import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import type { CheckpointFile, FileRange } from '../format.ts';
import type { WeightGroup, WeightSpec, WeightType } from './manifest.ts';

/** A tensor and the pieces of files that hold it, in order; more than one where it spans shards. */
export interface PlacedWeight {
  readonly spec: WeightSpec;
  /** Type of the stored elements. */
  readonly storedAs: DType;
  readonly ranges: readonly FileRange[];
}

/** The tensors of a model, and the names of those that hold texts: vocabularies and the like, which are no weights. */
export interface PlacedWeights {
  readonly placed: readonly PlacedWeight[];
  readonly texts: readonly string[];
}

/** Each text comes after its length, a little-endian u32. */
const TEXT_LENGTH_BYTES = 4;

const STORED_TYPES = {
  float32: 'f32',
  int32: 'i32',
  bool: 'bool',
  complex64: 'c64',
  float16: 'f16',
  uint8: 'u8',
  uint16: 'u16',
} as const satisfies Record<Exclude<WeightType, 'string'> | 'float16' | 'uint8' | 'uint16', DType>;

/** The files of one group as one run of bytes, and how far it is taken. */
class GroupBytes {
  readonly #files: readonly CheckpointFile[];
  readonly #indices: readonly number[];
  /** Where each file begins in the run, and where the last ends. */
  readonly #starts: readonly number[];
  #at = 0;

  constructor(files: readonly CheckpointFile[], indices: readonly number[]) {
    this.#files = files;
    this.#indices = indices;
    const starts = [0];
    for (const index of indices) starts.push((starts.at(-1) ?? 0) + (files[index]?.source.byteLength ?? 0));
    this.#starts = starts;
  }

  get left(): number {
    return (this.#starts.at(-1) ?? 0) - this.#at;
  }

  /** Takes the next bytes; there must be that many left. */
  take(byteLength: number): readonly FileRange[] {
    const begin = this.#at;
    this.#at += byteLength;
    return this.#indices.flatMap((file, i): readonly FileRange[] => {
      const start = this.#starts[i] ?? 0;
      const from = Math.max(begin, start);
      const to = Math.min(this.#at, this.#starts[i + 1] ?? 0);
      return from < to ? [{ file, offset: from - start, byteLength: to - from }] : [];
    });
  }

  /** Reads the bytes of ranges that are known to be short. */
  async read(ranges: readonly FileRange[]): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for (const { file, offset, byteLength } of ranges) {
      pieces.push((await this.#files[file]?.source.read(offset, byteLength)) ?? new Uint8Array(0));
    }
    return Buffer.concat(pieces);
  }
}

/** Texts are no tensor of ours, but only reading their lengths tells where the next tensor begins. */
async function skipTexts(spec: WeightSpec, bytes: GroupBytes): Promise<void> {
  const tooShort = () => badFile('tfjs', `the files must hold all of ${JSON.stringify(spec.name)}`);
  const count = elementCount(spec.shape);
  if (!(count * TEXT_LENGTH_BYTES <= bytes.left)) throw tooShort();
  for (let i = 0; i < count; i += 1) {
    if (bytes.left < TEXT_LENGTH_BYTES) throw tooShort();
    const length = Buffer.from(await bytes.read(bytes.take(TEXT_LENGTH_BYTES))).readUInt32LE(0);
    if (length > bytes.left) throw tooShort();
    bytes.take(length);
  }
}

async function placeGroup(
  group: WeightGroup,
  files: readonly CheckpointFile[],
  indexOf: ReadonlyMap<string, number>,
): Promise<PlacedWeights> {
  const bytes = new GroupBytes(
    files,
    group.paths.map((path) => indexOf.get(path) ?? 0),
  );
  const placed: PlacedWeight[] = [];
  const texts: string[] = [];
  for (const spec of group.weights) {
    if (spec.dtype === 'string') {
      await skipTexts(spec, bytes);
      texts.push(spec.name);
      continue;
    }
    const storedAs = STORED_TYPES[spec.quantization?.dtype ?? spec.dtype];
    const byteLength = elementCount(spec.shape) * elementByteLength(storedAs);
    if (!(byteLength <= bytes.left)) {
      throw badFile('tfjs', `the files must hold all of ${JSON.stringify(spec.name)}`);
    }
    placed.push({ spec, storedAs, ranges: bytes.take(byteLength) });
  }
  if (bytes.left > 0) throw badFile('tfjs', `the files must hold no more than the weights (${bytes.left} bytes)`);
  return { placed, texts };
}

/**
 * Finds where each tensor is: the tensors of a group follow one another in the concatenation of its files.
 *
 * @param files the checkpoint's, the primary first
 * @throws BadFileError when the files are shorter or longer than the tensors.
 */
export async function placeWeights(
  groups: readonly WeightGroup[],
  files: readonly CheckpointFile[],
): Promise<PlacedWeights> {
  const indexOf = new Map(files.slice(1).map((file, i) => [file.name, i + 1]));
  const found: PlacedWeights[] = [];
  for (const group of groups) found.push(await placeGroup(group, files, indexOf));
  return { placed: found.flatMap(({ placed }) => placed), texts: found.flatMap(({ texts }) => texts) };
}
