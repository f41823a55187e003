import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { invariant } from '../assert.ts';
import { directoryFiles } from '../bytes/directory-files.ts';
import { stampOf } from '../bytes/file-source.ts';
import type { FileStamp } from '../bytes/source.ts';
import { BadFileError } from '../errors.ts';
import type { OpenCheckpoint } from '../formats/format.ts';
import { inTurns, readWeights } from '../formats/read-weights.ts';
import { openCheckpoint, openCheckpointAs } from '../formats/registry.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { Pointer } from '../objects/pointer.ts';
import { summarize } from '../sketch/summarize.ts';
import type { Summary } from '../sketch/summary.ts';
import { contentChanged } from '../store/blob-store.ts';
import type { WeightSample } from '../tensors/weights.ts';
import { axisGraphOf, sampleAndClose } from './checkpoint-reader.ts';
import { type CheckpointPlan, planCheckpoint } from './plan-checkpoint.ts';
import type { Repository } from './repository.ts';
import type { WeightReader } from './repository-archive.ts';
import { isSameStamp, settlingTimeMs } from './stat-cache.ts';

/** A file that was read once and waits to be stored and placed. */
export interface PendingCheckpoint {
  /** As trees have it. */
  readonly path: string;
  readonly absolutePath: string;
  readonly plan: CheckpointPlan;
  readonly summary: Summary;
  /** Of its files, in the order of the plan's: as they were when they were read. */
  readonly stamps: readonly FileStamp[];
}

/** Opens a model file on disk; one of no known or of a broken format opens as `unknown`. */
function openFile(absolutePath: string): Promise<OpenCheckpoint> {
  return openCheckpoint(directoryFiles(absolutePath));
}

/** Opens a checkpoint, uses it, and closes it whatever happens. */
export async function withOpenFile<T>(
  absolutePath: string,
  use: (checkpoint: OpenCheckpoint) => Promise<T>,
): Promise<T> {
  const checkpoint = await openFile(absolutePath);
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** As {@link withOpenFile}; where the insides turn out to be broken, `use` runs again and gets the bytes only. */
export async function withReadableFile<T>(
  absolutePath: string,
  use: (checkpoint: OpenCheckpoint) => Promise<T>,
): Promise<T> {
  try {
    return await withOpenFile(absolutePath, use);
  } catch (problem) {
    if (!(problem instanceof BadFileError)) throw problem;
    const bytesOnly = await openCheckpointAs('unknown', directoryFiles(absolutePath));
    try {
      return await use({ ...bytesOnly, problem });
    } finally {
      await bytesOnly.close();
    }
  }
}

/** What storing a file would write. */
export function planFile(absolutePath: string): Promise<CheckpointPlan> {
  return withReadableFile(absolutePath, async (checkpoint) => planCheckpoint(checkpoint, await summarize(checkpoint)));
}

/** How often a file is opened that somebody is just writing to. */
const MAX_TRIES = 3;

/** The stamps of a checkpoint's files; every one of them is a file on disk. */
function stampsOf({ files }: OpenCheckpoint): readonly FileStamp[] {
  return files.map(({ source: { stamp } }) => {
    invariant(stamp !== undefined, 'a checkpoint on disk consists of files');
    return stamp;
  });
}

/** Refuses what was read in parts that may not belong together. @throws WsvcError `bad-file` */
async function expectUnchanged(files: readonly string[], stamps: readonly FileStamp[]): Promise<void> {
  for (const [index, file] of files.entries()) {
    const [before, after] = [stamps[index], await stat(file).catch(() => undefined)];
    if (before === undefined || after === undefined || !isSameStamp(before, stampOf(after))) throw contentChanged();
  }
}

/**
 * Reads a file: hashes, sketches, and what storing it would write. All of it is of one state of the file.
 *
 * @param now - the clock: a file that was changed this moment is read when further changes would show.
 * @throws WsvcError `bad-file` when it changed while it was read.
 */
export async function readPending(
  absolutePath: string,
  treePath: string,
  now: () => number,
): Promise<PendingCheckpoint> {
  for (let tries = 1; ; tries++) {
    let settlingMs = 0;
    const read = await withReadableFile(absolutePath, async (checkpoint) => {
      const stamps = stampsOf(checkpoint);
      settlingMs = Math.max(0, ...stamps.map((stamp) => settlingTimeMs(stamp, now())));
      if (settlingMs > 0 && tries < MAX_TRIES) return undefined;
      const summary = await summarize(checkpoint);
      return { path: treePath, absolutePath, summary, stamps, plan: await planCheckpoint(checkpoint, summary) };
    });
    if (read === undefined) {
      await sleep(settlingMs);
      continue;
    }
    await expectUnchanged(filesOf(read), read.stamps);
    return read;
  }
}

/**
 * Opens a model file whose weights are wanted, and uses it.
 *
 * @throws BadFileError when it is broken, or of no format that wsvc reads.
 */
export function withModelFile<T>(absolutePath: string, use: (checkpoint: OpenCheckpoint) => Promise<T>): Promise<T> {
  return withOpenFile(absolutePath, async (checkpoint) => use(expectWeights(checkpoint)));
}

/** What was opened, or stored, as bytes only is refused. @throws BadFileError */
export function expectWeights<T extends Pick<OpenCheckpoint | Manifest, 'format' | 'problem'>>(checkpoint: T): T {
  const { format, problem } = checkpoint;
  if (problem instanceof BadFileError) throw problem;
  if (format !== 'unknown') return checkpoint;
  throw new BadFileError({ format: 'model', rule: problem ?? 'it begins like no format that wsvc reads' });
}

/** The absolute paths of the files that a pending checkpoint consists of, the primary first. */
export function filesOf(pending: PendingCheckpoint): readonly string[] {
  const folder = path.dirname(pending.absolutePath);
  return pending.plan.manifest.files.map(({ name }, index) =>
    index === 0 ? pending.absolutePath : path.join(folder, name),
  );
}

/** The pointer that will stand for the checkpoint in git trees. */
export function pointerOf({ plan, summary }: PendingCheckpoint): Pointer {
  const [primary] = summary.files;
  if (primary === undefined) throw new RangeError('A checkpoint has at least one file.');
  return {
    version: 1,
    manifest: plan.id,
    sha256: primary.sha256,
    byteLength: summary.files.reduce((total, file) => total + file.byteLength, 0),
    format: plan.manifest.format,
    parameters: summary.parameters,
    tensors: plan.manifest.tensors.map(({ name, dtype, shape, content }) => ({ name, dtype, shape, content })),
  };
}

async function* sampleFile(absolutePath: string): AsyncGenerator<void, WeightSample> {
  return yield* sampleAndClose(await openFile(absolutePath));
}

/** Reads weights of pending checkpoints from their files, and of all others from the repository. */
export function pendingWeightReader(repository: Repository, pending: readonly PendingCheckpoint[]): WeightReader {
  const files = new Map<ManifestId, string>(pending.map(({ plan, absolutePath }) => [plan.id, absolutePath]));
  const { checkpoints } = repository;
  const readSample = (id: ManifestId) => {
    const file = files.get(id);
    return file === undefined ? checkpoints.readSample(id) : sampleFile(file);
  };
  return {
    weights(id) {
      const file = files.get(id);
      if (file === undefined) return checkpoints.weights(id);
      return checkpoints.recent.readWeights(id, () => withOpenFile(file, readWeights));
    },
    samples: (ids) => checkpoints.recent.readSamples(ids, (missing) => inTurns(missing.map(readSample))),
    axisGraph(id) {
      const file = files.get(id);
      if (file === undefined) return checkpoints.axisGraph(id);
      return withOpenFile(file, async (checkpoint) => axisGraphOf(checkpoint));
    },
  };
}
