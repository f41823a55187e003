import { openFrame } from './frame.ts';
import { judgeKinship, LOG_ALPHA } from './judge-kinship.ts';
import type { Archive, Member, Query } from './model.ts';
import { countSharedValues } from './shared-values.ts';

/** What the weights themselves say about the kinship of two checkpoints. */
export interface KinEvidence {
  readonly isKin: boolean;
  /** Natural logarithm of the p-value of what decided, all comparisons counted; absent where no test applies. */
  readonly logPValue?: number;
}

function queryOf({ id, summary }: Member, archive: Archive): Query {
  return { summary, weights: () => archive.weights(id), axisGraph: () => archive.axisGraph(id) };
}

/**
 * Asks the weights whether two checkpoints are kin: shared exact values first, then the exact test (lineage.md, A1 and C).
 *
 * @param comparisons pairs that this one was chosen from.
 */
export async function askWeights(a: Member, b: Member, archive: Archive, comparisons: number): Promise<KinEvidence> {
  const frame = await openFrame(queryOf(a, archive), archive);
  const candidate = await frame.candidate(b.id);
  const weights = await candidate.whole();
  const shared = countSharedValues(frame.query, weights);
  const logShared = Math.min(0, shared.logPValue + Math.log(comparisons));
  if (logShared < LOG_ALPHA && shared.tensors.length > 0) return { isKin: true, logPValue: logShared };
  if (frame.graph.tensors.size === 0) return { isKin: false };
  const { isKin, logPValue } = judgeKinship(
    frame.query,
    weights,
    frame.graph,
    comparisons,
    candidate.matching.logChoices,
  );
  return { isKin, logPValue };
}
