import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';

/** Of decoded weights, in bytes: any checkpoint as it is compared (64 MiB at most) and two that it is compared with. */
const MAX_BYTES = 192 * 1024 * 1024;

interface Kept {
  readonly weights: Weights;
  readonly byteLength: number;
}

function byteLengthOf(weights: Weights): number {
  let total = 0;
  for (const { data } of weights.values()) total += data.byteLength;
  return total;
}

/** Keeps the weights that were used last: candidates are read again and again while a checkpoint is placed. */
export class WeightsCache {
  readonly #kept = new Map<ManifestId, Kept>();
  readonly #maxBytes: number;
  #byteLength = 0;

  constructor(maxBytes = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The weights of a checkpoint, loaded where they are not at hand. */
  async read(id: ManifestId, load: (id: ManifestId) => Promise<Weights>): Promise<Weights> {
    const weights = this.#kept.get(id)?.weights ?? (await load(id));
    this.#keep(id, weights);
    return weights;
  }

  /** A Map keeps the order of insertion: the first is the one used longest ago. */
  #keep(id: ManifestId, weights: Weights): void {
    this.#remove(id);
    const byteLength = byteLengthOf(weights);
    this.#kept.set(id, { weights, byteLength });
    this.#byteLength += byteLength;
    for (const oldest of this.#kept.keys()) {
      if (this.#byteLength <= this.#maxBytes || oldest === id) return;
      this.#remove(oldest);
    }
  }

  #remove(id: ManifestId): void {
    this.#byteLength -= this.#kept.get(id)?.byteLength ?? 0;
    this.#kept.delete(id);
  }

  /** Forgets all: when everything has been placed, the memory is wanted for other things. */
  clear(): void {
    this.#kept.clear();
    this.#byteLength = 0;
  }
}
