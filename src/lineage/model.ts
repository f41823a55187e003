import type { Neighbor } from '../neighbors/neighbor-index.ts';
import type { CommitId, ContentId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { WeightSample, Weights } from '../tensors/weights.ts';
import type { FoldedLayer } from './folded-copy.ts';

/** A stored checkpoint as lineage sees it. Its key is its manifest id. */
export interface Member {
  readonly id: ManifestId;
  readonly summary: Summary;
  /** Set once committed. */
  readonly commit?: CommitId;
  readonly source: string;
  /** Where the lineage view has it; absent while it is being placed. */
  readonly trajectory?: string;
  readonly position?: number;
}

/** Which members hold the same bytes. Members come in the order of the archive. */
export interface ContentIndex {
  /** Members with the same files, and those with the same weights; the query itself among them when it is a member. */
  findEqual(summary: Summary): { readonly withFiles: readonly Member[]; readonly withWeights: readonly Member[] };
  /** Members that hold each of these contents of tensors that are not constant. */
  findHolders(contents: ReadonlySet<ContentId>): ReadonlyMap<ContentId, readonly Member[]>;
}

/** What lineage may ask of a collection of checkpoints: a repository, or files in memory. */
export interface Archive {
  /** All members, in a stable order. */
  readonly members: readonly Member[];
  member(id: ManifestId): Member;
  /** Whether a member holds the weights of another, which is the original. */
  isCopyOfMember(id: ManifestId): boolean;
  /** The members of each space, in their order. */
  spaces(): ReadonlyMap<string, readonly Member[]>;
  readonly contents: ContentIndex;
  /** The members of a trajectory, in weight-space order. */
  trajectory(name: string): readonly Member[];
  /** Decoded weights (role `weight`, float types or dequantised). Implementations cache. */
  weights(id: ManifestId): Promise<Weights>;
  /** Some rows of each, read together: all that ranking them takes. Implementations cache. */
  samples(ids: readonly ManifestId[]): Promise<ReadonlyMap<ManifestId, WeightSample>>;
  axisGraph(id: ManifestId): Promise<AxisGraph>;
  /** The nearest members of the query's own space by `centred` or `invariants`; the query itself is left out when it is a member. */
  neighbors(kind: 'centred' | 'invariants', query: Summary, k: number): readonly Neighbor[];
}

/** The checkpoint that is asked about. */
export interface Query {
  readonly summary: Summary;
  weights(): Promise<Weights>;
  axisGraph(): Promise<AxisGraph>;
  /** All that it is compared with is known to be of its kin, and not asked for that again; the answer then has no p-value. */
  readonly isOfKin?: boolean;
  /** ln of the number of ways in which it could have been cut to be compared: counts against every p-value. Absent: it is whole. */
  readonly logChoices?: number;
}

export interface NearMember {
  readonly id: ManifestId;
  readonly relativeDistance: number;
  readonly cosine: number;
}

export interface TensorMatch {
  readonly name: string;
  readonly match: { readonly id: ManifestId; readonly tensor: string } | null;
  readonly kind: 'identical' | 'changed' | 'permuted' | 'new';
  /** Of a tensor of another size: which rows or columns come from where. */
  readonly note?: string;
}

/** The answer to "what is this, and what was it made from?". */
export interface Identification {
  readonly known: boolean;
  /** Words of RelationWord joined with `+`, strongest first; `unrelated` when not known. */
  readonly relation: string;
  readonly nearest?: NearMember;
  readonly trajectory?: string;
  /** 12.4: between two; beyond the last index: past the tip. */
  readonly position?: number;
  /** Several, with weights that sum to 1, for averaged and merged. */
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  /** Of the answer given, also of `known: false`. */
  readonly confidence: number;
  /** That the rest of the answer is right and the base is the one that is named, or the one before or after it on its run; absent where the base is not in doubt by one. */
  readonly confidenceWithinOne?: number;
  /** Natural logarithm; absent where no test applies. */
  readonly logPValue?: number;
  /** `forward`: the query comes from what is stored; `backward`: that comes from the query; `siblings`: both from a third. */
  readonly direction: 'forward' | 'backward' | 'siblings' | 'unknown';
  /** Set where shapes differ: whether all units in which they do stand at the end, where they may have been cut off or added. */
  readonly isCutAtEnd?: boolean;
  /** Best first, the nearest included. */
  readonly candidates: readonly NearMember[];
  readonly tensors: readonly TensorMatch[];
  /** Layers that normalisations were folded into, where the two differ by that. */
  readonly folded?: readonly FoldedLayer[];
  /** Sentences for people: what decided, what is missing. */
  readonly notes: readonly string[];
}

/** How a checkpoint hangs in the forest. */
export interface LineageEdge {
  readonly child: ManifestId;
  readonly parent: ManifestId;
  readonly relation: string;
  readonly confidence: number;
  readonly logPValue?: number;
  readonly weight: number;
}

/** The checkpoint that a trajectory branches off from. */
export interface ForkPoint {
  readonly id: ManifestId;
  readonly confidence: number;
  /** That it is this one or the one before or after it on the path; absent where the place was recorded before others were pruned. */
  readonly confidenceWithinOne?: number;
}

export interface RecoveredTrajectory {
  /** In weight-space order; copies of one checkpoint (a cast, another container) share its position. */
  readonly members: readonly { readonly id: ManifestId; readonly position: number }[];
  readonly forkedFrom?: ForkPoint;
  readonly isOrdered: boolean;
  readonly orderConfidence: number;
  readonly direction: 'inferred' | 'declared' | 'unknown';
}

/** Every checkpoint of a pile, in exactly one trajectory. */
export interface Forest {
  readonly trajectories: readonly RecoveredTrajectory[];
  readonly edges: readonly LineageEdge[];
}
