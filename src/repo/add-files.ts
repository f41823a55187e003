import type { ManifestId } from '../objects/ids.ts';
import { listBasesBy } from './base-sources.ts';
import type { Operation, ProgressEvent } from './operation.ts';
import { filesOf, type PendingCheckpoint, pendingWeightReader, pointerOf, readPending } from './pending.ts';
import { placePending } from './place-pending.ts';
import { describePlacement, NO_PLACEMENT } from './placement-result.ts';
import type { Placement } from './refine-placement.ts';
import { type Repository, withLock } from './repository.ts';
import type { AddedFile, AddResult } from './results.ts';
import { stagedMembers } from './staged.ts';
import { storePending } from './store-pending.ts';
import { checkMovable, type Left, takeAway } from './take-away.ts';
import { resolveModelFiles, toTreePath } from './work-tree.ts';

export interface AddOptions {
  /** Take the files away once their content is stored: the repository holds the only copy then. */
  readonly move?: boolean;
}

/** Reads files one after the other. Files that turn out to be parts of another checkpoint (its shards) are left out. */
export async function* readAllPending(
  repository: Repository,
  files: readonly string[],
): AsyncGenerator<ProgressEvent, readonly PendingCheckpoint[], void> {
  const pending: PendingCheckpoint[] = [];
  for (const file of files) {
    yield { phase: 'Reading', done: pending.length, total: files.length, detail: toTreePath(repository, file) };
    pending.push(await readPending(file, toTreePath(repository, file), repository.environment.now));
  }
  const parts = new Set(pending.flatMap((checkpoint) => filesOf(checkpoint).slice(1)));
  return pending.filter(({ absolutePath }) => !parts.has(absolutePath));
}

/** Commits of the checkpoints that are in the history, by manifest. */
function commitsOf(
  members: readonly { readonly id: ManifestId; readonly commit?: string }[],
): ReadonlyMap<ManifestId, string> {
  return new Map(members.flatMap(({ id, commit }) => (commit === undefined ? [] : [[id, commit] as const])));
}

/** Parents before children, so that each finds its base stored. */
export function storageOrder(
  pending: readonly PendingCheckpoint[],
  placements: ReadonlyMap<ManifestId, Placement>,
): readonly PendingCheckpoint[] {
  const byId = new Map(pending.map((checkpoint) => [checkpoint.plan.id, checkpoint]));
  const ordered = new Set<PendingCheckpoint>();
  for (const checkpoint of pending) {
    const chain: PendingCheckpoint[] = [];
    for (
      let at: PendingCheckpoint | undefined = checkpoint;
      at !== undefined && !chain.includes(at) && !ordered.has(at);
    ) {
      chain.push(at);
      const parent: ManifestId | undefined = placements.get(at.plan.id)?.parents[0]?.id;
      at = parent === undefined ? undefined : byId.get(parent);
    }
    for (const one of chain.reverse()) ordered.add(one);
  }
  return pending.length === ordered.size ? [...ordered] : [...ordered, ...pending.filter((one) => !ordered.has(one))];
}

const describeLeft = (left: Left) => (left === undefined ? { moved: true } : { moved: false, left });

async function* addUnderLock(
  repository: Repository,
  named: readonly string[],
  { move = false }: AddOptions,
): Operation<AddResult> {
  const { files, skipped } = await resolveModelFiles(repository, named);
  const pending = yield* readAllPending(repository, files);
  if (move) await checkMovable(repository, pending);
  yield { phase: 'Placing', done: 0, total: 1 };
  const waiting = await stagedMembers(repository, new Set(pending.map(({ path }) => path)));
  const fresh = pending.map(({ plan, summary, path }) => ({ id: plan.id, summary, source: path }));
  const { view, placements } = await placePending(
    repository,
    [...waiting, ...fresh],
    pendingWeightReader(repository, pending),
  );
  const grown = yield* storePending(repository, storageOrder(pending, placements), placements, await listBasesBy(view));
  await repository.history.stageAll(pending.map((one) => ({ path: one.path, pointer: pointerOf(one) })));
  const left = move ? yield* takeAway(repository, pending) : undefined;
  const commits = commitsOf(view.archive.members);
  const added: AddedFile[] = [];
  const firsts = new Map<ManifestId, string>();
  for (const checkpoint of pending) {
    const placement = placements.get(checkpoint.plan.id);
    const sameAs = firsts.get(checkpoint.plan.id);
    if (sameAs === undefined) firsts.set(checkpoint.plan.id, checkpoint.path);
    const pointer = pointerOf(checkpoint);
    added.push({
      path: checkpoint.path,
      manifest: pointer.manifest,
      sha256: pointer.sha256,
      format: pointer.format,
      tensors: pointer.tensors.length,
      parameters: pointer.parameters,
      bytes: pointer.byteLength,
      storedBytes: sameAs === undefined ? (grown.get(checkpoint.plan.id) ?? 0) : 0,
      ...(sameAs === undefined ? {} : { sameAs }),
      placement: placement === undefined ? NO_PLACEMENT : describePlacement(placement, commits),
      ...(checkpoint.plan.manifest.problem === undefined ? {} : { problem: checkpoint.plan.manifest.problem }),
      ...(left === undefined ? {} : describeLeft(left.get(checkpoint))),
    });
  }
  return { added, ...(skipped.length > 0 ? { skipped } : {}) };
}

/**
 * Stores model files, stages them, and says where each belongs.
 *
 * @param named - files, or folders whose model files are meant.
 * @throws WsvcError `usage`, `not-found`, `locked`; `bad-file` when a file changes while it is read.
 */
export function addFiles(
  repository: Repository,
  named: readonly string[],
  options: AddOptions = {},
): Operation<AddResult> {
  return withLock(repository, 'wsvc add', () => addUnderLock(repository, named, options));
}
