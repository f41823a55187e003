import { WsvcError } from '../errors.ts';
import type { CommitId } from '../objects/ids.ts';
import type { RefChange } from '../store/plan-ref-recovery.ts';
import { checkRefs, listWholeTips } from '../store/recover-refs.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { FsckFinding } from './results.ts';

/** What the history says, as far as it can be read. */
export interface HistoryCheck {
  readonly recorded: readonly RecordedCheckpoint[];
  readonly findings: readonly FsckFinding[];
}

/** The refs that can be relied on no longer, and what a repair would do; empty refs of a repository that never had a commit are none. */
async function findLostRefs({ directory, blobs, commits }: Repository): Promise<readonly RefChange[]> {
  const changes = await checkRefs(directory, blobs.disk);
  const isFirstCommitCutShort = commits.size === 0;
  return changes.filter(({ isBare }) => !(isBare && isFirstCommitCutShort));
}

function describeChange({ ref, problem, target, why, commits }: RefChange): FsckFinding {
  const place =
    target === null ? 'finds nothing to put it at' : `would put it at ${target.replace(/^refs\/heads\//, '')}`;
  return { level: 'git', object: ref, problem: `${problem} "wsvc fsck --repair" ${place}: ${why}.`, commits };
}

/** Reads the history and does not stop at what is damaged: each ref, commit and pointer that cannot be read is a finding. */
export async function checkHistory(repository: Repository): Promise<HistoryCheck> {
  const { directory, blobs } = repository;
  const changes = await findLostRefs(repository);
  const findings: FsckFinding[] = changes.map(describeChange);
  const tips = new Set<CommitId>(await listWholeTips(directory, blobs.disk));
  // Commits that only lost refs reached are told of as well, and what they need.
  for (const { commits } of changes) for (const commit of commits) tips.add(commit);
  const seen = new Set<string>();
  const onDamage = (commit: CommitId, error: WsvcError): void => {
    if (seen.has(commit)) return;
    seen.add(commit);
    findings.push({ level: 'git', object: commit, problem: error.message, commits: [commit] });
  };
  try {
    const recorded = await readRecordedCheckpoints(repository, [...tips], { isFresh: true, onDamage });
    return { recorded: [...recorded.values()], findings };
  } catch (error) {
    if (!(error instanceof WsvcError)) throw error;
    findings.push({ level: 'git', object: 'history', problem: error.message, commits: [] });
    return { recorded: [], findings };
  }
}
