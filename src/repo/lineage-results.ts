/** What is said of where checkpoints come from: as `--json` prints it, ids as hex strings. */

import type { PrunedResult, SkippedFile } from './results.ts';

export interface TrajectoryCheckpoint {
  readonly commit: string | null;
  readonly manifest: string;
  readonly source: string;
  readonly position: number;
  readonly relation: string;
  readonly confidence: number;
  /** Euclidean distance to the checkpoint before it; null for the first. */
  readonly stepLength: number | null;
  /** stepLength over the norm of the weights. */
  readonly relativeStep: number | null;
  /** Angle between this step and the one before, in radians; null for the first two. */
  readonly turn: number | null;
  /** True where the content was pruned; absent else. */
  readonly pruned?: true;
}

export interface TrajectoryResult {
  readonly name: string;
  readonly forkedFrom: {
    readonly trajectory: string;
    readonly position: number;
    readonly commit: string | null;
    /** Of the fork point, 0 to 1. */
    readonly confidence: number;
    /** That it is this checkpoint or the one before or after it; never less than `confidence`. */
    readonly confidenceWithinOne: number;
  } | null;
  readonly ordered: boolean;
  readonly orderConfidence: number;
  readonly direction: 'inferred' | 'declared' | 'unknown';
  readonly checkpoints: readonly TrajectoryCheckpoint[];
}

export interface TrajectoryLogResult {
  readonly trajectories: readonly TrajectoryResult[];
  /** Of an import: files of the named folders that were passed over; absent where there are none. */
  readonly skipped?: readonly SkippedFile[];
}

export interface NearestResult {
  readonly commit: string | null;
  readonly manifest: string;
  readonly source: string;
  readonly trajectory: string | null;
  readonly position: number | null;
  readonly relativeDistance: number;
  readonly cosine: number;
}

export interface IdentificationResult {
  readonly file: string;
  readonly format: string;
  readonly sha256: string;
  readonly tensors: number;
  readonly parameters: number;
  readonly known: boolean;
  readonly relation: string;
  /** `forward`: the file comes from what is stored; `backward`: that from the file; `siblings`: both from a third; `unknown`: copies. */
  readonly direction: 'forward' | 'backward' | 'siblings' | 'unknown';
  readonly nearest: NearestResult | null;
  readonly trajectory: string | null;
  readonly position: number | null;
  readonly parents: readonly { readonly commit: string | null; readonly source: string; readonly weight: number }[];
  readonly confidence: number;
  /** With the base, or the checkpoint before or after it; absent where the base is not in doubt by one. */
  readonly confidenceWithinOne?: number;
  readonly pValue: number | null;
  readonly candidates: readonly NearestResult[];
  readonly declared: Readonly<Record<string, string | number>>;
  readonly notes: readonly string[];
  readonly problem?: string;
  /** Present where the content of the nearest was pruned. */
  readonly pruned?: PrunedResult;
  readonly tensors_detail?: readonly {
    readonly name: string;
    readonly match: { readonly commit: string | null; readonly tensor: string } | null;
    readonly kind: 'identical' | 'changed' | 'permuted' | 'new';
    /** Of a tensor of another size: which rows or columns come from where. */
    readonly note?: string;
  }[];
}

export interface IdentifyResult {
  readonly results: readonly IdentificationResult[];
  /** What would make the next such command faster. */
  readonly advice?: string;
}

export interface LineageResult {
  readonly nodes: readonly { readonly commit: string | null; readonly manifest: string; readonly source: string }[];
  readonly edges: readonly {
    readonly child: string;
    readonly parent: string;
    readonly relation: string;
    readonly confidence: number;
    readonly pValue: number | null;
    readonly weight: number;
  }[];
}

export interface TensorDiff {
  readonly name: string;
  /** Its name in A, where that is another. */
  readonly from?: string;
  readonly status: 'same' | 'changed' | 'added' | 'removed' | 'reshaped';
  readonly relativeChange: number | null;
  readonly cosine: number | null;
  readonly changedShare: number | null;
  /** Numerical rank of the change; null when it was not computed. */
  readonly rank: number | null;
  readonly kind: string;
  /** Of a tensor of another size: which rows or columns come from where. The figures are those of what both have. */
  readonly note?: string;
}

export interface DiffResult {
  readonly relation: string;
  /** Whether a relation was shown. */
  readonly known: boolean;
  /** `forward`: B comes from A; `backward`: A from B; `siblings`: both from a third; `unknown`: the weights do not say. */
  readonly direction: 'forward' | 'backward' | 'siblings' | 'unknown';
  readonly pValue: number | null;
  readonly confidence: number;
  readonly tensors: readonly TensorDiff[];
  readonly summary: string;
  /** Sentences for people: what decided, what is missing. */
  readonly notes: readonly string[];
}

export interface MonitorResult {
  readonly trajectory: string;
  readonly steps: readonly {
    readonly commit: string | null;
    readonly source: string;
    readonly position: number;
    readonly stepLength: number | null;
    readonly relativeStep: number | null;
    readonly turn: number | null;
    readonly curvature: number | null;
    readonly distanceFromStart: number | null;
    readonly flags: readonly string[];
  }[];
}
