import type { ForestMemo } from './forest-memo.ts';
import { openFrame } from './frame.ts';
import { judgeKinship, LOG_ALPHA } from './judge-kinship.ts';
import type { Archive, Member, Query } from './model.ts';
import { findSharedValues } from './shared-values.ts';

/** What the weights themselves say about the kinship of two checkpoints. */
export interface KinEvidence {
  /** `open`: no test applies, or it has no power here. */
  readonly verdict: 'kin' | 'unrelated' | 'open';
  /** Natural logarithm of the p-value of what decided, all comparisons counted; absent where no test applies. */
  readonly logPValue?: number;
}

/** Below this the statistic of kin with the cosine at hand does not stand out from that of unrelated ones. */
const LEAST_EXPECTED_Z = 4;

function queryOf({ id, summary }: Member, archive: Archive): Query {
  return { summary, weights: () => archive.weights(id), axisGraph: () => archive.axisGraph(id) };
}

/** What the weights of two checkpoints say, whatever else there is to compare with: a function of the two alone. */
interface PairEvidence {
  /** ln p of the values they share; no tensor is shared where it is 0. */
  readonly logShared: number;
  /** False where no axis graph says what could be tested. */
  readonly isTestable: boolean;
  /** Kin if they were the only pair. */
  readonly isKinAlone: boolean;
  /** ln p of the exact test, the pairings that the values chose counted. */
  readonly logTest: number;
  readonly z: number;
  readonly zOfCopy: number;
}

async function compareWeights(a: Member, b: Member, archive: Archive): Promise<PairEvidence> {
  const frame = await openFrame(queryOf(a, archive), archive);
  const candidate = await frame.candidate(b.id);
  const weights = await candidate.whole();
  const shared = findSharedValues(frame.query, weights);
  const logShared = shared.tensors.length > 0 ? shared.logPValue : 0;
  if (frame.graph.tensors.size === 0) {
    return { logShared, isTestable: false, isKinAlone: false, logTest: 0, z: 0, zOfCopy: 0 };
  }
  const judged = judgeKinship(frame.query, weights, frame.graph, 1, candidate.matching.logChoices);
  const { isKin, logPValue, z, zOfCopy } = judged;
  return { logShared, isTestable: true, isKinAlone: isKin, logTest: logPValue, z, zOfCopy };
}

/** The same from the memo, where an earlier recovery has compared the two. */
async function recallOrCompare(a: Member, b: Member, archive: Archive, memo?: ForestMemo): Promise<PairEvidence> {
  const key = `evidence ${a.id} ${b.id}`;
  const kept = memo?.numbers(key);
  if (kept !== undefined) {
    const [logShared = 0, isTestable = 0, isKinAlone = 0, logTest = 0, z = 0, zOfCopy = 0] = kept;
    return { logShared, isTestable: isTestable === 1, isKinAlone: isKinAlone === 1, logTest, z, zOfCopy };
  }
  const found = await compareWeights(a, b, archive);
  const { logShared, isTestable, isKinAlone, logTest, z, zOfCopy } = found;
  memo?.rememberNumbers(key, [logShared, isTestable ? 1 : 0, isKinAlone ? 1 : 0, logTest, z, zOfCopy]);
  return found;
}

/**
 * Asks the weights whether two checkpoints are kin: shared exact values first, then the exact test (lineage.md, A1 and C).
 *
 * @param cosine of the two, from their sketches: what kin would show in the test is in proportion to it.
 * @param comparisons pairs that this one was chosen from.
 * @param memo what earlier recoveries have found out about pairs.
 */
export async function askWeights(
  a: Member,
  b: Member,
  archive: Archive,
  cosine: number,
  comparisons: number,
  memo?: ForestMemo,
): Promise<KinEvidence> {
  const evidence = await recallOrCompare(a, b, archive, memo);
  const counted = Math.log(Math.max(comparisons, 1));
  const logShared = Math.min(0, evidence.logShared + counted);
  if (logShared < LOG_ALPHA) return { verdict: 'kin', logPValue: logShared };
  if (!evidence.isTestable) return { verdict: 'open' };
  const logPValue = Math.min(0, evidence.logTest + counted);
  if (evidence.isKinAlone && logPValue < LOG_ALPHA) return { verdict: 'kin', logPValue };
  const expected = cosine * evidence.zOfCopy;
  // Half way is as likely under either.
  return { verdict: expected >= LEAST_EXPECTED_Z && evidence.z < expected / 2 ? 'unrelated' : 'open', logPValue };
}
