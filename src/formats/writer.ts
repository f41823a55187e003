import type { DType } from '../tensors/dtype.ts';
import type { Declared, FormatName } from './format.ts';

/** A tensor to be written. */
export interface WritableTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Starts a stream of its plain bytes (row-major, little-endian). Called at most once. */
  bytes(): AsyncIterable<Uint8Array>;
}

/** One file that a writer makes. The files' bytes are read one after the other, each once. */
export interface WrittenFile {
  /** Relative to the folder of the first. */
  readonly name: string;
  bytes(): AsyncIterable<Uint8Array>;
}

export interface WriteOptions {
  /** Name of the primary file; others are named after it. */
  readonly fileName: string;
  /** What the file shall say about itself, where its format has room for it. */
  readonly declared?: Declared;
}

/** Writes checkpoints of one format. The same tensors give the same bytes, on every machine. */
export interface FormatWriter {
  readonly format: FormatName;
  /** The type that a tensor of this type is written as: the same, or one that holds its values; `undefined`: refused. */
  writtenAs(dtype: DType): DType | undefined;
  /**
   * Lays out the files; no tensor is read before their bytes are.
   *
   * @throws WsvcError `usage` when the format cannot hold a tensor.
   */
  write(tensors: readonly WritableTensor[], options: WriteOptions): readonly WrittenFile[];
}
