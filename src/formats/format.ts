import type { ByteSource, FileSet } from '../bytes/source.ts';
import type { BadFileError } from '../errors.ts';
import type { CodeForm } from '../tensors/code-form.ts';
import type { DType } from '../tensors/dtype.ts';

export type FormatName =
  | 'safetensors'
  | 'pytorch-zip'
  | 'pytorch-legacy'
  | 'pytorch-tar'
  | 'sb3'
  | 'npy'
  | 'npz'
  | 'tfjs'
  | 'hdf5'
  | 'keras'
  | 'onnx'
  | 'tflite'
  | 'gguf'
  | 'ggml'
  | 'tf-checkpoint'
  | 'pickle'
  | 'unknown';

/** `weight`: what a model needs to run (parameters and buffers); `optimizer`: moments; `state`: counters, random states, masks. */
export type TensorRole = 'weight' | 'optimizer' | 'state';

/** Bytes of one of a checkpoint's files. */
export interface FileRange {
  /** Index into {@link OpenCheckpoint.files}. */
  readonly file: number;
  readonly offset: number;
  readonly byteLength: number;
}

export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  /** As the file states it. */
  readonly shape: readonly number[];
  readonly role: TensorRole;
  /** Where its plain bytes (row-major, little-endian) stand verbatim; absent when they are compressed, strided, byte-swapped or in pieces. */
  readonly at?: FileRange;
  /** Where its codes stand, in the order of its elements, when it is read as the numbers that they stand for. Not kept in manifests. */
  readonly codes?: FileRange & { readonly form: CodeForm };
  /** Axis order that makes the shape channels-first (out, in, kernel...): `shape[toCanonical[i]]` is axis i. Absent: it is already. */
  readonly toCanonical?: readonly number[];
}

/** What the file says about itself (epoch, step, seed, time): shown beside what is inferred, never believed against it. */
export type Declared = Readonly<Record<string, string | number>>;

/** Bytes of a file for which the file itself states a CRC-32: a stored member of a zip archive. */
export interface StatedChecksum extends FileRange {
  readonly member: string;
  readonly crc32: number;
}

/** Which operator a tensor belongs to, when the file itself holds the graph (a Keras topology). Read by `symmetry/`. */
export interface GraphLayer {
  readonly name: string;
  /** Keras class name: Dense, Conv2D, BatchNormalization, Flatten, Activation... */
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly tensors: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
  /** Whether what it gives out is an output of the whole model, although another layer may read it too. Absent: as far as nobody reads it. */
  readonly isOutput?: boolean;
}

export interface CheckpointFile {
  /** Relative to the folder of the primary file; the primary is first. */
  readonly name: string;
  readonly source: ByteSource;
}

/** A tensor that is in the file but of a kind that wsvc does not read: it is kept with the file's bytes, and takes no part in lineage. */
export interface UnreadTensor {
  readonly name: string;
  /** Why, as a clause. */
  readonly reason: string;
}

/** A model file as its format sees it. Nothing is decoded until it is asked for. */
export interface OpenCheckpoint {
  readonly format: FormatName;
  readonly files: readonly CheckpointFile[];
  /** In file order; names are unique. */
  readonly tensors: readonly TensorEntry[];
  readonly declared: Declared;
  /** Absent when everything was read. */
  readonly unread?: readonly UnreadTensor[];
  readonly graph?: readonly GraphLayer[];
  /** What whoever reads the files as a whole checks with a {@link ChecksumCheck}. Compressed members are checked as they are read. */
  readonly checksums?: readonly StatedChecksum[];
  /** Why no weights were read, when `format` is `unknown` although the file looked like a known one. */
  readonly problem?: BadFileError;
  /**
   * Yields the tensor's plain bytes (row-major in `shape`, little-endian) in pieces of whole elements, at most CHUNK_BYTES each.
   *
   * @throws BadFileError when the stored form does not decode.
   */
  readTensor(tensor: TensorEntry): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** One file format. Adding one is a folder with this record, and a line in `formats/registry.ts`. */
export interface Format {
  readonly name: FormatName;
  /** Cheap test on the first bytes (up to 4 KiB) and the file's name. */
  matches(head: Uint8Array, fileName: string, byteLength: number): boolean;
  /**
   * @throws BadFileError naming the broken rule. Closes nothing it was given on failure: the caller does.
   */
  open(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint>;
}
