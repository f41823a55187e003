import type { BlockType } from '../codec/codec.ts';
import { type Candidate, openCandidates } from './base-candidates.ts';
import type { BlobHint } from './blob-store.ts';
import { type Based, type ChosenCode, encodeAlone } from './chosen-code.ts';
import { type FindRow, MAX_RESTORE_FACTOR } from './find-bases.ts';
import type { PackHost } from './pack-host.ts';

/** What an estimate from a sample may be too high by; where a delta is not this much smaller, both are coded and compared. */
const ESTIMATE_SAFETY = 0.9;

/** What the blob takes by itself: coded when asked, for the codec's estimate from a sample decides most cases. */
class Alone {
  readonly #encode: () => Promise<ChosenCode>;
  readonly #estimate: number | undefined;
  #code: Promise<ChosenCode> | undefined;

  constructor(store: PackHost, plain: Uint8Array, type: BlockType) {
    this.#encode = () => encodeAlone(store, plain, type);
    const estimate = store.coder.estimateAlone?.(plain, type);
    this.#estimate = estimate === undefined ? undefined : estimate * ESTIMATE_SAFETY;
  }

  code(): Promise<ChosenCode> {
    this.#code ??= this.#encode();
    return this.#code;
  }

  /** Bytes that the record takes, or fewer. */
  async leastByteLength(): Promise<number> {
    return this.#estimate ?? this.byteLength();
  }

  async byteLength(): Promise<number> {
    return (await this.code()).bytes.byteLength;
  }
}

/** True when a delta is smaller than so many bytes, and not too much work for them. */
const isBetter = ({ code, work }: Based, byteLength: number): boolean =>
  code.bytes.byteLength < byteLength && work <= MAX_RESTORE_FACTOR * byteLength;

/** The candidate that a sample says is best; an only one is not asked. */
function chooseCandidate(store: PackHost, plain: Uint8Array, candidates: readonly Candidate[]): Candidate | undefined {
  const estimate = store.coder.estimateBased;
  if (candidates.length < 2 || estimate === undefined) return candidates[0];
  const estimated = candidates.map((candidate) => ({ candidate, ratio: estimate(plain, candidate.context) }));
  return estimated.reduce((a, b) => (b.ratio < a.ratio ? b : a)).candidate;
}

/**
 * Codes a blob in the fewest bytes: by itself, or against the best of the hinted bases (or an ancestor of it) where that is smaller
 * and restoring stays within {@link MAX_CHAIN_DEPTH} and {@link MAX_RESTORE_FACTOR}.
 */
export async function chooseCode(
  store: PackHost,
  plain: Uint8Array,
  hint: BlobHint,
  find: FindRow,
): Promise<ChosenCode> {
  if (hint.base === undefined && hint.others === undefined) return encodeAlone(store, plain, hint.type);
  const alone = new Alone(store, plain, hint.type);
  const least = await alone.leastByteLength();
  const candidates = await openCandidates(store, plain, hint, find, MAX_RESTORE_FACTOR * least);
  const based = await chooseCandidate(store, plain, candidates)?.encode();
  if (based === undefined) return alone.code();
  if (based.code.row.ancestors === 0 || isBetter(based, least)) return based.code;
  return isBetter(based, await alone.byteLength()) ? based.code : alone.code();
}
