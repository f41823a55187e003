import { sampleBlock } from '../codec/sample.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { DType } from '../tensors/dtype.ts';
import { chunksOf } from './better-bases.ts';
import type { Repository } from './repository.ts';

/** Chunks of a checkpoint that stand for all: at a sixth, a half and five sixths of its bytes. */
const PLACES = [1 / 6, 1 / 2, 5 / 6];

/** A part of a chunk, the same numbers of every checkpoint. */
interface SampledChunk {
  readonly key: string;
  readonly type: DType;
  readonly plain: Uint8Array;
}

/** What one checkpoint takes with another as its base, as a share of its bytes: estimated on samples of a few chunks, which are kept. */
export class BaseCosts {
  readonly #repository: Repository;
  readonly #samples = new Map<ManifestId, Promise<readonly SampledChunk[]>>();
  readonly #costs = new Map<string, Promise<number>>();

  constructor(repository: Repository) {
    this.#repository = repository;
  }

  /** Without a base. */
  async alone(id: ManifestId): Promise<number> {
    const { coder } = this.#repository.blobs;
    const samples = await this.#sample(id);
    return meanOf(samples.map(({ plain, type }) => (coder.estimateAlone?.(plain, type) ?? 0) / plain.length));
  }

  /** With a base; 1 where they have nothing in common. What one takes with the other is taken for what the other takes with it. */
  between(a: ManifestId, b: ManifestId): Promise<number> {
    const [first, second] = a < b ? [a, b] : [b, a];
    return this.#remember(`${first} ${second}`, () => this.against(first, second));
  }

  /** With a base of perhaps another type. */
  async against(id: ManifestId, base: ManifestId): Promise<number> {
    const others = new Map((await this.#sample(base)).map((sample) => [sample.key, sample]));
    return meanOf((await this.#sample(id)).map((sample) => this.#estimate(sample, others.get(sample.key))));
  }

  #estimate({ plain, type }: SampledChunk, other: SampledChunk | undefined): number {
    if (other === undefined) return 1;
    if (other.type === type && Buffer.compare(plain, other.plain) === 0) return 0;
    return this.#repository.blobs.coder.estimateBased?.(plain, { type, base: other.plain, baseType: other.type }) ?? 1;
  }

  #remember(key: string, measure: () => Promise<number>): Promise<number> {
    const cost = this.#costs.get(key) ?? measure();
    this.#costs.set(key, cost);
    return cost;
  }

  #sample(id: ManifestId): Promise<readonly SampledChunk[]> {
    const samples = this.#samples.get(id) ?? this.#readSample(id);
    this.#samples.set(id, samples);
    return samples;
  }

  async #readSample(id: ManifestId): Promise<readonly SampledChunk[]> {
    const { blobs, checkpoints } = this.#repository;
    const chunks = chunksOf(await checkpoints.manifest(id));
    const lengths: number[] = [];
    for (const { blob } of chunks) lengths.push((await blobs.findStored(blob))?.row.byteLength ?? 0);
    const places = new Set(PLACES.map((place) => findPlace(lengths, place)));
    const samples: SampledChunk[] = [];
    for (const place of places) {
      const chunk = chunks[place];
      if (chunk === undefined || chunk.hint.type === 'bytes') continue;
      const { type } = chunk.hint;
      samples.push({
        key: `${chunk.index} ${chunk.tensor}`,
        type,
        plain: sampleBlock(await blobs.view(chunk.blob), type).slice(),
      });
    }
    return samples;
  }
}

/** The piece that lies at a share of all pieces' length. */
function findPlace(lengths: readonly number[], share: number): number {
  let left = lengths.reduce((sum, length) => sum + length, 0) * share;
  for (const [place, length] of lengths.entries()) {
    left -= length;
    if (left <= 0) return place;
  }
  return lengths.length - 1;
}

const meanOf = (numbers: readonly number[]): number =>
  numbers.length === 0 ? 1 : numbers.reduce((sum, n) => sum + n, 0) / numbers.length;
