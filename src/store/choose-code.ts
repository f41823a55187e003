import type { BlockType } from '../codec/codec.ts';
import type { FindRow } from './base.ts';
import { type Candidate, openCandidates } from './base-candidates.ts';
import type { BlobHint } from './blob-store.ts';
import { meanOfChain } from './chain-mean.ts';
import { type Based, type ChosenCode, encodeAlone } from './chosen-code.ts';
import type { PackHost } from './pack-host.ts';
import { MAX_RESTORE_FACTOR, MAX_RESTORE_WORK } from './restore-work.ts';

/** What an estimate from a sample may be too high by; where a delta is not this much smaller, both are coded and compared. */
const ESTIMATE_SAFETY = 0.9;

/** What the blob takes by itself: coded when asked, for the codec's estimate from a sample decides most cases. */
class Alone {
  readonly #encode: () => Promise<ChosenCode>;
  readonly #estimate: number | undefined;
  #code: Promise<ChosenCode> | undefined;

  constructor(store: PackHost, plain: Uint8Array, type: BlockType) {
    this.#encode = () => encodeAlone(store, plain, type);
    this.#estimate = store.coder.estimateAlone?.(plain, type);
  }

  code(): Promise<ChosenCode> {
    this.#code ??= this.#encode();
    return this.#code;
  }

  /** Bytes that the record takes, or fewer. */
  async leastByteLength(): Promise<number> {
    return this.#estimate === undefined ? this.byteLength() : this.#estimate * ESTIMATE_SAFETY;
  }

  /** About the bytes that the record takes. */
  async likelyByteLength(): Promise<number> {
    return this.#estimate ?? this.byteLength();
  }

  async byteLength(): Promise<number> {
    return (await this.code()).bytes.byteLength;
  }
}

/** True when not too much is read for a code of a blob that takes so many bytes alone. */
const isShort = ({ code, restoreByteLength }: Based, byteLength: number): boolean =>
  code.row.ancestors === 0 || restoreByteLength <= MAX_RESTORE_FACTOR * byteLength;

/** True when a delta is smaller than so many bytes, and not too much is read for it. */
const isBetter = (based: Based, byteLength: number): boolean =>
  based.code.bytes.byteLength < byteLength && isShort(based, byteLength);

/** A candidate by what the blobs that go on from its base take on average, as a share of their bytes. */
interface Ranked {
  readonly candidate: Candidate;
  readonly mean: number;
}

/**
 * Candidates, the best first. Where a chain is at its bounds, an ancestor that lies deep is near but leaves no room, so that all that
 * comes will be coded against it from ever farther; one that lies high is far, and a new chain goes on from there: what counts is the
 * mean over the steps that find room.
 *
 * @param alone bytes that the blob takes without a base, about.
 * @returns none where a record that stands alone begins a chain of a smaller mean.
 */
function rankCandidates(
  store: PackHost,
  plain: Uint8Array,
  candidates: readonly Candidate[],
  alone: number,
): readonly Candidate[] {
  const estimate = store.coder.estimateBased;
  if (candidates.length < 2 || estimate === undefined) return candidates.filter(({ room }) => room > 0);
  const measured = candidates.map((candidate) => {
    const ratio = estimate(plain, candidate.context);
    return { candidate, ratio, room: roomOn(candidate, ratio * plain.byteLength) };
  });
  const next = Math.min(...measured.map(({ ratio }) => ratio));
  const usable = measured.filter(({ room }) => room > 0);
  const ranked = usable
    .map(({ candidate, ratio, room }): Ranked => ({ candidate, mean: meanOfChain(ratio, room - 1, next) }))
    .sort((a, b) => a.mean - b.mean);
  const isFull = usable.length < candidates.length;
  const best = ranked[0]?.mean ?? 1;
  if (isFull && meanOfChain(alone / plain.byteLength, roomAlone(store, plain, candidates), next) < best) return [];
  return ranked.map(({ candidate }) => candidate);
}

/** How many steps of so many bytes may follow a candidate's base, by work and by what is read. */
const roomOn = ({ room, bytesLeft }: Candidate, byteLength: number): number =>
  Math.min(room, Math.floor(bytesLeft / Math.max(1, byteLength)));

/** How many steps may follow a record that stands alone. */
function roomAlone({ coder }: PackHost, plain: Uint8Array, candidates: readonly Candidate[]): number {
  const most = Math.max(...candidates.map(({ room }) => room));
  const type = candidates[0]?.context.type;
  if (coder.work === undefined || type === undefined) return most;
  const left = (MAX_RESTORE_WORK - 1) * coder.work.alone(type, plain.byteLength);
  return Math.max(most, Math.floor(left / coder.work.delta(type, plain.byteLength)));
}

/** So many of the likeliest bases are tried where that is asked for. */
const MOST_TRIED = 3;

/**
 * The best candidate that does not turn out to be too much to restore; where they are tried, of the first few that which takes least.
 *
 * @param fits - whether what is read for it is within bounds.
 */
async function encodeBest(
  candidates: readonly Candidate[],
  isTried: boolean,
  fits: (based: Based) => Promise<boolean>,
): Promise<Based | undefined> {
  let best: Based | undefined;
  let tried = 0;
  for (const candidate of candidates) {
    const based = await candidate.encode();
    if (based === undefined || !(await fits(based))) continue;
    if (!isTried) return based;
    if (best === undefined || based.code.bytes.byteLength < best.code.bytes.byteLength) best = based;
    tried++;
    if (tried === MOST_TRIED) break;
  }
  return best;
}

/**
 * Codes a blob in the fewest bytes: by itself, or against the best of the hinted bases (or an ancestor of it) where that is smaller
 * and restoring stays within {@link MAX_RESTORE_WORK}, {@link MAX_RESTORE_FACTOR} and the longest chain.
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
  const likely = await alone.likelyByteLength();
  const candidates = await openCandidates(store, { plain, hint, find, restoreLimit: MAX_RESTORE_FACTOR * likely });
  const ranked = rankCandidates(store, plain, candidates, likely);
  const fits = async (one: Based) => isShort(one, least) || isShort(one, await alone.byteLength());
  const based = await encodeBest(ranked, hint.isTried ?? false, fits);
  if (based === undefined) return alone.code();
  if (based.code.row.ancestors === 0 || isBetter(based, least)) return based.code;
  return isBetter(based, await alone.byteLength()) ? based.code : alone.code();
}
