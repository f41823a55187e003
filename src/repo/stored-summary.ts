import type { ManifestId } from '../objects/ids.ts';
import type { Summary, SummaryTraits, TensorSpread } from '../sketch/summary.ts';
import type { TableEntry } from './member-record.ts';

/** The sketches that are kept in files of their own. */
export type SketchKind = 'centred' | 'sketch' | 'invariants';

/** Where a stored summary gets what it does not hold itself. */
export interface SummarySource {
  read(id: ManifestId): Summary;
  spreads(id: ManifestId): readonly TensorSpread[];
  findSketch(kind: SketchKind, space: string, id: ManifestId, isDecoded: boolean): Float32Array | undefined;
}

const NOTHING = new Float32Array(0);

/** A summary of which little is known until more is asked: most of thousands are never decoded. */
export class StoredSummary implements Summary {
  readonly space: Summary['space'];
  readonly parameters: number;
  readonly traits: SummaryTraits;
  readonly #id: ManifestId;
  readonly #shelf: SummarySource;
  #whole: Summary | undefined;

  constructor(id: ManifestId, { space, parameters, traits }: TableEntry, shelf: SummarySource) {
    this.space = space;
    this.parameters = parameters;
    this.traits = traits;
    this.#id = id;
    this.#shelf = shelf;
  }

  protected get whole(): Summary {
    this.#whole ??= this.#shelf.read(this.#id);
    return this.#whole;
  }

  get format() {
    return this.whole.format;
  }

  get files() {
    return this.whole.files;
  }

  get tensors() {
    return this.whole.tensors;
  }

  get norm() {
    return this.whole.norm;
  }

  get kurtosis() {
    return this.whole.kurtosis;
  }

  get declared() {
    return this.whole.declared;
  }

  get spreads() {
    return this.#shelf.spreads(this.#id);
  }

  get sketch(): Float32Array {
    return this.#findRow('sketch') ?? this.whole.sketch;
  }

  get centred(): Float32Array {
    return this.#findRow('centred') ?? this.whole.centred;
  }

  #findRow(kind: SketchKind): Float32Array | undefined {
    return this.#shelf.findSketch(kind, this.space, this.#id, this.#whole !== undefined);
  }
}

/** One with invariants: summaries without them have no such property. */
export class StoredSummaryWithInvariants extends StoredSummary {
  get invariants(): Float32Array {
    return this.whole.invariants ?? NOTHING;
  }
}
