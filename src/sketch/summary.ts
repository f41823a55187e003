import type { Declared, FormatName, TensorRole } from '../formats/format.ts';
import type { BlobId, ContentId, FileHash, SpaceId } from '../objects/ids.ts';
import type { DType } from '../tensors/dtype.ts';
import type { TensorStatistics } from '../tensors/statistics.ts';

export type { TensorStatistics };

/** Length of every whole-checkpoint sketch: an error of 2.1 % rms of a difference (lineage.md, "Count-sketch"). */
export const SKETCH_LENGTH = 1024;

export interface TensorSummary {
  readonly name: string;
  readonly dtype: DType;
  /** Axes in channels-first order. */
  readonly shape: readonly number[];
  readonly role: TensorRole;
  readonly content: ContentId;
  /** Blob ids of its chunks of CHUNK_ELEMENTS elements, in order. */
  readonly chunks: readonly BlobId[];
  readonly statistics: TensorStatistics;
}

/**
 * What is asked of every checkpoint of a pile at once. It is small: a table of it answers for thousands whose summaries are not
 * decoded. A function of the summary alone.
 */
export interface SummaryTraits {
  /** Equal for the same files, byte for byte. */
  readonly filesKey: string;
  /** Equal for the same weights, whatever their names and order; empty without weights. */
  readonly weightsKey: string;
  /** The same of the weights of float types alone. */
  readonly floatsKey: string;
  /** The first 32 bits of the content of every tensor whose values differ from one another. */
  readonly contents: Uint32Array;
  /** True when lineage can see the checkpoint: it has matrices that are not all constant. */
  readonly hasSketch: boolean;
  readonly hasInvariants: boolean;
  /** Squared length of the sketch. */
  readonly sketchSquare: number;
  /** Bytes of the widest float weight; 0 without any. */
  readonly precision: number;
  /** Half the relative spacing of the coarsest float type among the weights; 0 where all are precise. */
  readonly rounding: number;
}

/** How the values of a weight spread that are not all equal: what no order of its units and axes changes. */
export interface TensorSpread {
  /** Sizes of the axes in canonical order, joined by "x". */
  readonly shape: string;
  readonly elements: number;
  readonly mean: number;
  readonly standardDeviation: number;
  readonly kurtosis: number;
}

/** All that the neighbor index and lineage need of a checkpoint until they verify. */
export interface Summary {
  readonly format: FormatName;
  readonly files: readonly { readonly name: string; readonly byteLength: number; readonly sha256: FileHash }[];
  readonly space: SpaceId;
  readonly parameters: number;
  readonly tensors: readonly TensorSummary[];
  /** Count-sketch of the float weights as they stand: |difference of sketches| estimates |difference of weights|. SKETCH_LENGTH values. */
  readonly sketch: Float32Array;
  /** Count-sketch of the matrices (two or more axes) centred over both unit axes and scaled by sqrt(fan-in): for the search. SKETCH_LENGTH values. */
  readonly centred: Float32Array;
  /** Sketch of what permuting and rescaling hidden units does not change; absent without an axis graph. SKETCH_LENGTH values. */
  readonly invariants?: Float32Array;
  /** Euclidean norm of the matrices, and mean kurtosis of the centred matrices: votes on the direction of time. */
  readonly norm: number;
  readonly kurtosis: number;
  readonly declared: Declared;
  /** Where they are known without looking at the rest; ask `traitsOf`. */
  readonly traits?: SummaryTraits;
  /** The same; ask `spreadsOf`. */
  readonly spreads?: readonly TensorSpread[];
}
