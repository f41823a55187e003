import { invariant } from '../assert.ts';
import { sampleOfWeights } from '../lineage/sample-rows.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { WeightSample, Weights } from '../tensors/weights.ts';

/** Of decoded weights, in bytes: two of usual size, or one of the largest (64 MiB) that are read whole. */
const MAX_WEIGHT_BYTES = 96 * 1024 * 1024;
/** Of samples: those of all candidates of a question, of 2 to 3 MiB each. */
const MAX_SAMPLE_BYTES = 64 * 1024 * 1024;

interface Kept<T> {
  readonly value: T;
  readonly byteLength: number;
}

/** Keeps what was read last of checkpoints, up to a number of bytes: candidates are read again and again while a checkpoint is placed. */
export class RecentCache<T> {
  readonly #kept = new Map<ManifestId, Kept<T>>();
  readonly #maxBytes: number;
  readonly #byteLengthOf: (value: T) => number;
  #byteLength = 0;

  constructor(maxBytes: number, byteLengthOf: (value: T) => number) {
    this.#maxBytes = maxBytes;
    this.#byteLengthOf = byteLengthOf;
  }

  /** What is kept of a checkpoint, where it is at hand. */
  find(id: ManifestId): T | undefined {
    return this.#kept.get(id)?.value;
  }

  /** What is kept of a checkpoint, loaded where it is not at hand. */
  async read(id: ManifestId, load: (id: ManifestId) => Promise<T>): Promise<T> {
    const value = this.#kept.get(id)?.value ?? (await load(id));
    this.#keep(id, value);
    return value;
  }

  /** The same of several; those that are not at hand are loaded at once, in the order given. */
  async readAll(
    ids: readonly ManifestId[],
    load: (ids: readonly ManifestId[]) => Promise<readonly T[]>,
  ): Promise<ReadonlyMap<ManifestId, T>> {
    const missing = ids.filter((id) => !this.#kept.has(id));
    const loaded = missing.length === 0 ? [] : await load(missing);
    const found = new Map<ManifestId, T>();
    for (const id of ids) {
      const value = this.#kept.get(id)?.value ?? loaded[missing.indexOf(id)];
      if (value !== undefined) found.set(id, value);
    }
    for (const [id, value] of found) this.#keep(id, value);
    return found;
  }

  /** A Map keeps the order of insertion: the first is the one used longest ago. */
  #keep(id: ManifestId, value: T): void {
    this.#remove(id);
    const byteLength = this.#byteLengthOf(value);
    this.#kept.set(id, { value, byteLength });
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

/** What was read last of checkpoints, also of files that wait to be stored. Of what is at hand in one form the other is not read. */
export class RecentlyRead {
  readonly #weights = new RecentCache<Weights>(MAX_WEIGHT_BYTES, byteLengthOf);
  readonly #samples = new RecentCache<WeightSample>(MAX_SAMPLE_BYTES, ({ weights }) => byteLengthOf(weights));

  /** The weights of a checkpoint, loaded where neither they nor a sample of all of them are at hand. */
  readWeights(id: ManifestId, load: (id: ManifestId) => Promise<Weights>): Promise<Weights> {
    return this.#weights.read(id, async () => wholeOf(this.#samples.find(id)) ?? load(id));
  }

  /** Samples of several; those of which neither they nor the weights are at hand are loaded at once, in the order given. */
  readSamples(
    ids: readonly ManifestId[],
    load: (ids: readonly ManifestId[]) => Promise<readonly WeightSample[]>,
  ): Promise<ReadonlyMap<ManifestId, WeightSample>> {
    return this.#samples.readAll(ids, async (missing) => {
      const held = new Map<ManifestId, WeightSample>();
      for (const id of missing) {
        const weights = this.#weights.find(id);
        if (weights !== undefined) held.set(id, sampleOfWeights(weights));
      }
      const rest = missing.filter((id) => !held.has(id));
      const loaded = rest.length === 0 ? [] : await load(rest);
      return missing.map((id) => {
        const sample = held.get(id) ?? loaded[rest.indexOf(id)];
        invariant(sample !== undefined, 'a sample is loaded of every checkpoint that was asked for');
        return sample;
      });
    });
  }

  /** Forgets all: when everything has been placed, the memory is wanted for other things. */
  clear(): void {
    this.#weights.clear();
    this.#samples.clear();
  }
}

/** The weights where a sample has all of them: of checkpoints of small tensors nothing is left out. */
function wholeOf(sample: WeightSample | undefined): Weights | undefined {
  if (sample === undefined) return undefined;
  const { weights, shapes } = sample;
  const isWhole = [...weights].every(([name, { shape }]) => shapes.get(name)?.[0] === shape[0]);
  return isWhole && weights.size === shapes.size ? weights : undefined;
}

function byteLengthOf(weights: Weights): number {
  let total = 0;
  for (const { data } of weights.values()) total += data.byteLength;
  return total;
}
