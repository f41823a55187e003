import type { FormatName } from '../formats/format.ts';
import type { DType } from '../tensors/dtype.ts';
import type { ContentId, FileHash, ManifestId } from './ids.ts';

/** The text file that stands for a checkpoint in a git tree (docs/format.md, section "Pointer"). */
export interface Pointer {
  readonly version: 1;
  readonly manifest: ManifestId;
  /** Of the primary file. */
  readonly sha256: FileHash;
  /** Of all files together, in bytes. */
  readonly byteLength: number;
  readonly format: FormatName;
  /** Elements of all tensors with the role `weight`. */
  readonly parameters: number;
  readonly tensors: readonly PointerTensor[];
}

export interface PointerTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly content: ContentId;
}
