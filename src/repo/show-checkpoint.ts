import { stat } from 'node:fs/promises';
import path from 'node:path';
import { directoryFiles } from '../bytes/directory-files.ts';
import type { OpenCheckpoint, TensorEntry } from '../formats/format.ts';
import { openCheckpoint } from '../formats/registry.ts';
import type { Manifest } from '../objects/manifest.ts';
import type { Pointer } from '../objects/pointer.ts';
import type { Summary } from '../sketch/summary.ts';
import { elementByteLength, elementCount } from '../tensors/dtype.ts';
import type { TensorStatistics } from '../tensors/statistics.ts';
import { findNamed } from './find-checkpoint.ts';
import {
  createMeasureBuffers,
  hashFile,
  type MeasuredTensor,
  measureTensor,
  valueCount,
} from './measure-checkpoint.ts';
import type { Operation } from './operation.ts';
import { expectWeights } from './pending.ts';
import { describeTrailers } from './placement-result.ts';
import { readPruned } from './pruned-content.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { ShownFile, ShownTensor, ShownTotals, ShowResult } from './results.ts';

export interface ShowFileOptions {
  /** True: only what the headers say; no weight is read, so that the largest file takes no time. */
  readonly headersOnly?: boolean;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

type ShownValues = Pick<
  ShownTensor,
  'content' | 'mean' | 'standardDeviation' | 'min' | 'max' | 'zeroShare' | 'nanCount' | 'infinityCount'
>;

const NO_VALUES: ShownValues = {
  content: null,
  mean: null,
  standardDeviation: null,
  min: null,
  max: null,
  zeroShare: null,
  nanCount: null,
  infinityCount: null,
};

function showValues(content: string, statistics: TensorStatistics, count: number): ShownValues {
  const { mean, standardDeviation, min, max, zeroCount, nanCount, infinityCount } = statistics;
  const counts = { content, zeroShare: count === 0 ? null : zeroCount / count, nanCount, infinityCount };
  if (count === nanCount + infinityCount) return { ...NO_VALUES, ...counts };
  return {
    ...counts,
    mean: finite(mean),
    standardDeviation: finite(standardDeviation),
    min: finite(min),
    max: finite(max),
  };
}

function showTensor(entry: TensorEntry, measured: MeasuredTensor | undefined): ShownTensor {
  const { name, dtype, shape, role } = entry;
  return {
    name,
    dtype,
    shape,
    role,
    bytes: elementCount(shape) * elementByteLength(dtype),
    ...(measured === undefined ? NO_VALUES : showValues(measured.content, measured.statistics, valueCount(entry))),
  };
}

function totalsOf(tensors: readonly ShownTensor[]): ShownTotals {
  const isRead = tensors.every(({ nanCount }) => nanCount !== null);
  const countWith = (key: 'nanCount' | 'infinityCount') =>
    isRead ? tensors.filter((tensor) => (tensor[key] ?? 0) > 0).length : null;
  return {
    tensors: tensors.length,
    elements: tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    nanTensors: countWith('nanCount'),
    infinityTensors: countWith('infinityCount'),
  };
}

type Shown = Omit<ShowResult, 'commit' | 'manifest' | 'placement' | 'unread' | 'declared' | 'problem' | 'format'>;

function showAll(name: string, files: readonly ShownFile[], tensors: readonly ShownTensor[]): Shown {
  return {
    path: name,
    sha256: files[0]?.sha256 ?? null,
    bytes: files.reduce((total, { bytes }) => total + bytes, 0),
    parameters: tensors.reduce((sum, { role, shape }) => sum + (role === 'weight' ? elementCount(shape) : 0), 0),
    files,
    tensors,
    totals: totalsOf(tensors),
  };
}

async function* readTensors(checkpoint: OpenCheckpoint): Operation<readonly ShownTensor[]> {
  const buffers = createMeasureBuffers();
  const shown: ShownTensor[] = [];
  for (const entry of checkpoint.tensors) {
    yield { phase: 'Reading', done: shown.length, total: checkpoint.tensors.length, detail: entry.name };
    shown.push(showTensor(entry, await measureTensor(checkpoint, entry, buffers)));
  }
  return shown;
}

async function* hashFiles(checkpoint: OpenCheckpoint): Operation<readonly ShownFile[]> {
  const shown: ShownFile[] = [];
  for (const file of checkpoint.files) {
    yield { phase: 'Hashing', done: shown.length, total: checkpoint.files.length, detail: file.name };
    shown.push({ name: file.name, bytes: file.source.byteLength, sha256: await hashFile(checkpoint, file) });
  }
  return shown;
}

/**
 * Shows a model file on disk; needs no repository.
 *
 * @throws BadFileError for a broken one, and for one of no known format.
 */
export async function* showFile(
  workingDirectory: string,
  file: string,
  options: ShowFileOptions = {},
): Operation<ShowResult> {
  const checkpoint = await openCheckpoint(directoryFiles(path.resolve(workingDirectory, file)));
  try {
    expectWeights(checkpoint);
    const isRead = options.headersOnly !== true;
    const tensors = isRead
      ? yield* readTensors(checkpoint)
      : checkpoint.tensors.map((one) => showTensor(one, undefined));
    const unhashed = () =>
      checkpoint.files.map(({ name, source }) => ({ name, bytes: source.byteLength, sha256: null }));
    const files = isRead ? yield* hashFiles(checkpoint) : unhashed();
    return {
      commit: null,
      manifest: null,
      placement: null,
      format: checkpoint.format,
      ...showAll(file, files, tensors),
      ...(checkpoint.unread === undefined ? {} : { unread: checkpoint.unread }),
      declared: checkpoint.declared,
    };
  } finally {
    await checkpoint.close();
  }
}

/** What is left of a pruned checkpoint's manifest: the pointer, and what the summary says of its tensors. */
function describedBy(
  { tensors }: Pointer,
  { declared, tensors: measured }: Summary,
): Pick<Manifest, 'declared' | 'problem'> & { readonly tensors: readonly TensorEntry[] } {
  const roles = new Map(measured.map(({ name, role }) => [name, role]));
  return { tensors: tensors.map((tensor) => ({ ...tensor, role: roles.get(tensor.name) ?? 'weight' })), declared };
}

/**
 * Shows a stored checkpoint: tensors, statistics, placement.
 *
 * @throws WsvcError `not-found`.
 */
export async function showStored(repository: Repository, named: string): Promise<ShowResult> {
  const found = await findNamed(repository, named);
  const id = found.pointer.manifest;
  const summary = await repository.checkpoints.summary(id);
  const pruned = await readPruned(repository, id);
  const { tensors, declared, problem } =
    pruned === undefined ? await repository.checkpoints.manifest(id) : describedBy(found.pointer, summary);
  const recorded = [...(await readRecordedCheckpoints(repository)).values()];
  const commit = recorded.find((one) => one.checkpoint?.pointer.manifest === id && one.checkpoint.path === found.path);
  const measured = new Map(summary.tensors.map((tensor) => [tensor.name, tensor]));
  const files = summary.files.map(({ name, byteLength, sha256 }) => ({ name, bytes: byteLength, sha256 }));
  return {
    commit: commit?.commit ?? found.commit,
    manifest: id,
    placement: commit?.trailers === undefined ? null : describeTrailers(commit.trailers, false),
    format: summary.format,
    ...showAll(
      found.path,
      files,
      tensors.map((entry) => showTensor(entry, measured.get(entry.name))),
    ),
    declared,
    ...(problem === undefined ? {} : { problem }),
    ...(pruned === undefined ? {} : { pruned }),
  };
}

/** True when `named` is a file on disk. */
export async function isFileOnDisk(workingDirectory: string, named: string): Promise<boolean> {
  return stat(path.resolve(workingDirectory, named)).then(
    (found) => found.isFile(),
    () => false,
  );
}
