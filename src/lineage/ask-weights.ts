import { openFrame } from './frame.ts';
import { judgeKinship, LOG_ALPHA } from './judge-kinship.ts';
import type { Archive, Member, Query } from './model.ts';
import { countSharedValues } from './shared-values.ts';

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

/**
 * Asks the weights whether two checkpoints are kin: shared exact values first, then the exact test (lineage.md, A1 and C).
 *
 * @param cosine of the two, from their sketches: what kin would show in the test is in proportion to it.
 * @param comparisons pairs that this one was chosen from.
 */
export async function askWeights(
  a: Member,
  b: Member,
  archive: Archive,
  cosine: number,
  comparisons: number,
): Promise<KinEvidence> {
  const frame = await openFrame(queryOf(a, archive), archive);
  const candidate = await frame.candidate(b.id);
  const weights = await candidate.whole();
  const shared = countSharedValues(frame.query, weights);
  const logShared = Math.min(0, shared.logPValue + Math.log(comparisons));
  if (logShared < LOG_ALPHA && shared.tensors.length > 0) return { verdict: 'kin', logPValue: logShared };
  if (frame.graph.tensors.size === 0) return { verdict: 'open' };
  const { logChoices } = candidate.matching;
  const { isKin, z, zOfCopy, logPValue } = judgeKinship(frame.query, weights, frame.graph, comparisons, logChoices);
  if (isKin) return { verdict: 'kin', logPValue };
  const expected = cosine * zOfCopy;
  // Half way is as likely under either.
  return { verdict: expected >= LEAST_EXPECTED_Z && z < expected / 2 ? 'unrelated' : 'open', logPValue };
}
