import type { ForkPoint, LineageEdge } from '../lineage/model.ts';
import type { CommitId, ManifestId } from '../objects/ids.ts';

/** One commit (or one file that waits to be committed) on a trajectory. */
export interface ViewEntry {
  readonly id: ManifestId;
  readonly source: string;
  readonly position: number;
  readonly commit?: CommitId;
}

export interface ViewTrajectory {
  readonly name: string;
  readonly forkedFrom?: ForkPoint;
  readonly isOrdered: boolean;
  readonly orderConfidence: number;
  readonly direction: 'inferred' | 'declared' | 'unknown';
  /** In weight-space order; ties in the order of arrival. */
  readonly entries: readonly ViewEntry[];
}

/** A checkpoint of the view, by its first commit. */
export interface ViewMember {
  readonly id: ManifestId;
  readonly source: string;
  readonly commit?: CommitId;
}

/** Where a checkpoint lies. */
export interface ViewPlace {
  readonly trajectory: string;
  readonly position: number;
}

/** What the view says, without the weights behind it: a function of the history. */
export interface ViewOutline {
  /** Sorted by id. */
  readonly members: readonly ViewMember[];
  readonly trajectories: readonly ViewTrajectory[];
  /** Of every member, by its place among them, where it lies on the first trajectory that has it. */
  readonly places: readonly (ViewPlace | undefined)[];
  readonly edges: readonly LineageEdge[];
}
