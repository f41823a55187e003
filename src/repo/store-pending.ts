import type { ManifestId } from '../objects/ids.ts';
import type { ListBases } from './base-sources.ts';
import { readBaseCheckpoint } from './better-bases.ts';
import { type BaseCheckpoint, baseCheckpoint, findBaseIn } from './find-base.ts';
import type { ProgressEvent } from './operation.ts';
import { filesOf, type PendingCheckpoint, withOpenFile } from './pending.ts';
import type { Placement } from './refine-placement.ts';
import type { Repository } from './repository.ts';
import { revivePruned } from './revive-pruned.ts';
import { type HashedFile, rememberSaved } from './stat-cache.ts';
import { storeCheckpoint } from './store-checkpoint.ts';

/** Plain bytes after which a batch is closed and the next begun: bounds what an interrupted import has to repeat. */
const BATCH_BYTES = 256 * 1024 * 1024;

/** Groups checkpoints so that each group becomes one pack. */
function* groups(pending: readonly PendingCheckpoint[]): Iterable<readonly PendingCheckpoint[]> {
  let group: PendingCheckpoint[] = [];
  let total = 0;
  for (const checkpoint of pending) {
    group.push(checkpoint);
    total += checkpoint.plan.blobs.reduce((sum, blob) => sum + blob.byteLength, 0);
    if (total < BATCH_BYTES) continue;
    yield group;
    group = [];
    total = 0;
  }
  if (group.length > 0) yield group;
}

/** Bases are looked for in so many checkpoints: reading more would cost more than it saves. */
const MAX_BASES = 2;

/** Of so many the widest are taken for codes: what they were rounded from is rather wide than near. */
const ASKED_FOR_CODES = 6;

/** A checkpoint that may serve as a base, and how many bytes it keeps a number in. */
interface Usable {
  readonly base: BaseCheckpoint;
  readonly width: number;
}

/** True for a checkpoint that holds codes. */
const holdsCodes = ({ plan }: PendingCheckpoint): boolean =>
  plan.blobs.some(({ form, chunk, type }) => form !== undefined || (chunk !== undefined && /^[iu]8$/.test(type)));

/**
 * The first checkpoints whose numbers are stored as they are: those of codes and of compressed files are not at hand, and of what is
 * added now, those that come later.
 */
async function basesOf(
  repository: Repository,
  checkpoint: PendingCheckpoint,
  ids: Iterable<ManifestId>,
  pending: ReadonlyMap<ManifestId, PendingCheckpoint>,
  isStored: (id: ManifestId) => boolean,
): Promise<readonly BaseCheckpoint[]> {
  const usable: Usable[] = [];
  const enough = holdsCodes(checkpoint) ? ASKED_FOR_CODES : MAX_BASES;
  for (const id of ids) {
    const waiting = pending.get(id);
    if (waiting !== undefined && !isStored(id)) continue;
    // What was pruned is nobody's base: it goes.
    if (waiting === undefined && (await repository.pruned.find(id)) !== undefined) continue;
    const manifest = waiting?.plan.manifest ?? (await repository.checkpoints.manifest(id));
    const verbatim = manifest.tensors.flatMap(({ at, dtype }) => (at === undefined ? [] : [{ ...at, dtype }]));
    if (verbatim.length * 2 < manifest.tensors.length) continue;
    const base = waiting === undefined ? await readBaseCheckpoint(repository, id) : toBase(waiting);
    const bytes = verbatim.reduce((sum, { byteLength }) => sum + byteLength, 0);
    usable.push({ base, width: bytes / Math.max(1, base.summary.parameters) });
    // What follows is not even looked for.
    if (usable.length === enough) break;
  }
  if (holdsCodes(checkpoint)) usable.sort((a, b) => Math.round(b.width) - Math.round(a.width));
  return usable.slice(0, MAX_BASES).map(({ base }) => base);
}

function toBase({ plan, summary }: PendingCheckpoint): BaseCheckpoint {
  return baseCheckpoint(plan.id, summary, plan.manifest);
}

/** Remembers size and time of the files as they were stored, so that `status` need not hash them again. */
async function rememberFiles(repository: Repository, stored: readonly PendingCheckpoint[]): Promise<void> {
  const entries: HashedFile[] = [];
  for (const checkpoint of stored) {
    const files = filesOf(checkpoint);
    for (const [index, { sha256 }] of checkpoint.summary.files.entries()) {
      const file = files[index];
      const stamp = checkpoint.stamps[index];
      // What the file is by now is not looked at: somebody may have written it since.
      if (file !== undefined && stamp !== undefined) entries.push({ file, sha256, stamp });
    }
  }
  await rememberSaved(repository, entries);
}

/**
 * Stores checkpoints in the order given, each coded against the one it comes from: blobs and manifests are durable when
 * this returns.
 *
 * @returns by manifest, what the repository grew by, in bytes.
 */
export async function* storePending(
  repository: Repository,
  ordered: readonly PendingCheckpoint[],
  placements: ReadonlyMap<ManifestId, Placement>,
  listBases: ListBases,
): AsyncGenerator<ProgressEvent, ReadonlyMap<ManifestId, number>, void> {
  const pending = new Map(ordered.map((checkpoint) => [checkpoint.plan.id, checkpoint]));
  const grown = new Map<ManifestId, number>();
  repository.checkpoints.recent.clear();
  for (const group of groups(ordered)) {
    const batch = await repository.blobs.beginBatch();
    try {
      for (const checkpoint of group) {
        yield { phase: 'Storing', done: grown.size, total: ordered.length, detail: checkpoint.path };
        const ids = listBases(checkpoint, placements.get(checkpoint.plan.id));
        const findBase = findBaseIn(
          toBase(checkpoint),
          await basesOf(repository, checkpoint, ids, pending, (id) => grown.has(id)),
        );
        const bytes = await withOpenFile(checkpoint.absolutePath, (open) =>
          storeCheckpoint(batch, open, checkpoint.plan, {
            has: async (id) => repository.blobs.packs.find(id) !== undefined,
            findBase,
          }),
        );
        grown.set(checkpoint.plan.id, (grown.get(checkpoint.plan.id) ?? 0) + bytes);
      }
      await batch.commit();
    } finally {
      await batch.discard();
    }
    await revivePruned(
      repository,
      group.map(({ plan }) => plan.id),
    );
    await repository.checkpoints.rememberSummaries(new Map(group.map(({ plan, summary }) => [plan.id, summary])));
    await rememberFiles(repository, group);
  }
  return grown;
}
