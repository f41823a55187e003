import { rm } from 'node:fs/promises';
import path from 'node:path';
import { readLineageView } from './lineage-view.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import { openRepository, type Repository, withLock } from './repository.ts';
import type { Operation, ReindexResult } from './results.ts';

/** All that is derived. */
const DERIVED = [
  'forests',
  'views',
  'sketches',
  'members.table',
  'spreads.table',
  'summaries.log',
  'lineage.log',
  'commits.log',
  'findings.log',
  'stat.log',
  'neighbors',
];

async function* reindexUnderLock(repository: Repository): Operation<ReindexResult> {
  for (const name of DERIVED) await rm(path.join(repository.derivedDirectory, name), { recursive: true, force: true });
  const fresh = await openRepository({ ...repository.environment, workingDirectory: repository.workTree });
  const recorded = [...(await readRecordedCheckpoints(fresh)).values()].flatMap(({ checkpoint }) => checkpoint ?? []);
  const ids = [...new Set(recorded.map(({ pointer }) => pointer.manifest))];
  for (const [done, id] of ids.entries()) {
    yield { phase: 'Reading checkpoints', done, total: ids.length };
    await fresh.checkpoints.summary(id);
  }
  yield { phase: 'Recovering trajectories', done: 0, total: 1 };
  await readLineageView(fresh);
  return { checkpoints: ids.length };
}

/** Throws all derived data away and computes it from the stored weights. @throws WsvcError `locked`, CorruptError. */
export function reindex(repository: Repository): Operation<ReindexResult> {
  return withLock(repository, 'wsvc reindex', () => reindexUnderLock(repository));
}
