import type { Declared, FormatName, TensorEntry } from '../formats/format.ts';
import type { BlobId, ContentId, FileHash } from './ids.ts';

/** A piece of a file: bytes kept in the manifest itself, or a blob. */
export type Segment = { readonly literal: Uint8Array } | { readonly blob: BlobId; readonly byteLength: number };

/** One file of a checkpoint; the concatenation of its segments is the file. */
export interface ManifestFile {
  /** Relative to the primary file's folder; the primary itself is first and has the empty name. */
  readonly name: string;
  readonly byteLength: number;
  readonly sha256: FileHash;
  readonly segments: readonly Segment[];
}

export interface ManifestTensor extends TensorEntry {
  readonly content: ContentId;
}

/** The stored description of one checkpoint (docs/format.md, section "Manifest"). */
export interface Manifest {
  readonly version: 1;
  readonly format: FormatName;
  readonly files: readonly ManifestFile[];
  readonly tensors: readonly ManifestTensor[];
  readonly declared: Declared;
  /** Why no weights were read from a file that looked like a known format. */
  readonly problem?: string;
}
