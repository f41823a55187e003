import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { OpenCheckpoint } from '../formats/format.ts';
import { summarize } from '../sketch/summarize.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import { elementByteLength, elementCount } from '../tensors/dtype.ts';
import { findNamed } from './find-checkpoint.ts';
import { withModelFile } from './pending.ts';
import { describeTrailers } from './placement-result.ts';
import { readRecordedCheckpoints } from './recorded-checkpoints.ts';
import type { Repository } from './repository.ts';
import type { ShownTensor, ShowResult } from './results.ts';

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function showTensor(tensor: TensorSummary): ShownTensor {
  const { statistics } = tensor;
  const count = elementCount(tensor.shape);
  return {
    name: tensor.name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    role: tensor.role,
    bytes: count * elementByteLength(tensor.dtype),
    content: tensor.content,
    mean: finite(statistics.mean),
    standardDeviation: finite(statistics.standardDeviation),
    min: finite(statistics.min),
    max: finite(statistics.max),
    zeroShare: count === 0 ? null : statistics.zeroCount / count,
    nanCount: statistics.nanCount,
    infinityCount: statistics.infinityCount,
  };
}

type Shown = Omit<ShowResult, 'commit' | 'manifest' | 'placement'>;

function showSummary(
  name: string,
  checkpoint: Pick<OpenCheckpoint, 'declared' | 'problem' | 'tensors'>,
  summary: Summary,
): Shown {
  const shapes = new Map(checkpoint.tensors.map(({ name: tensor, shape }) => [tensor, shape]));
  return {
    path: name,
    sha256: summary.files[0]?.sha256 ?? '',
    format: summary.format,
    bytes: summary.files.reduce((total, file) => total + file.byteLength, 0),
    parameters: summary.parameters,
    tensors: summary.tensors.map((tensor) => ({
      ...showTensor(tensor),
      shape: shapes.get(tensor.name) ?? tensor.shape,
    })),
    declared: checkpoint.declared,
    ...(checkpoint.problem === undefined ? {} : { problem: checkpoint.problem.message }),
  };
}

/** Shows a model file on disk; needs no repository. @throws BadFileError for a broken one. */
export async function showFile(workingDirectory: string, file: string): Promise<ShowResult> {
  return withModelFile(path.resolve(workingDirectory, file), async (checkpoint) => ({
    commit: null,
    manifest: null,
    placement: null,
    ...showSummary(file, checkpoint, await summarize(checkpoint)),
  }));
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
  const { tensors, declared, problem } = await repository.checkpoints.manifest(id);
  const recorded = [...(await readRecordedCheckpoints(repository)).values()];
  const commit = recorded.find((one) => one.checkpoint?.pointer.manifest === id && one.checkpoint.path === found.path);
  return {
    commit: commit?.commit ?? found.commit,
    manifest: id,
    placement: commit?.trailers === undefined ? null : describeTrailers(commit.trailers, false),
    ...showSummary(found.path, { tensors, declared }, summary),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** True when `named` is a file on disk. */
export async function isFileOnDisk(workingDirectory: string, named: string): Promise<boolean> {
  return stat(path.resolve(workingDirectory, named)).then(
    (found) => found.isFile(),
    () => false,
  );
}
