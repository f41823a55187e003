import { cutByContent, MIN_CUT_BYTES } from '../bytes/cut-by-content.ts';
import { sha256Hex } from '../bytes/sha256.ts';
import type { ByteSource } from '../bytes/source.ts';
import type { BlockType } from '../codec/codec.ts';
import { BadFileError } from '../errors.ts';
import type { FileRange, OpenCheckpoint, TensorEntry } from '../formats/format.ts';
import { type BlobId, type ContentId, type ManifestId, parseBlobId, parseManifestId } from '../objects/ids.ts';
import {
  encodeManifest,
  type Manifest,
  type ManifestFile,
  type ManifestTensor,
  type Segment,
} from '../objects/manifest.ts';
import type { Summary, TensorSummary } from '../sketch/summary.ts';
import type { BlobRow } from '../store/blob-store.ts';
import { CHUNK_ELEMENTS, chunkByteLength, chunkElements } from '../tensors/chunks.ts';
import { type CodeForm, codeUnit, isBlockForm } from '../tensors/code-form.ts';
import { elementByteLength } from '../tensors/dtype.ts';

import { groupTensors } from './bundles.ts';

/** Bytes between tensors (headers, pickles, padding) up to this many are kept in the manifest itself. */
const LITERAL_BYTES = 256;

/** A blob that the checkpoint needs, and where its plain bytes stand in the file. */
export interface PlannedBlob {
  readonly id: BlobId;
  readonly file: number;
  readonly offset: number;
  readonly byteLength: number;
  readonly type: BlockType;
  /** Which tensor chunk it is; of small tensors that are stored together, the first; absent for bytes that are no tensor's. */
  readonly chunk?: { readonly tensor: string; readonly index: number };
  /** What kind of codes it holds, where it is a chunk of a quantised tensor. */
  readonly form?: CodeForm;
  /** Where a chunk of a tensor with two or more axes lies in its rows. */
  readonly row?: BlobRow;
}

/** All that storing a checkpoint will write, known before anything is written. */
export interface CheckpointPlan {
  readonly id: ManifestId;
  readonly manifest: Manifest;
  readonly encodedManifest: Uint8Array;
  readonly blobs: readonly PlannedBlob[];
}

/** The bytes of a tensor in a file: its numbers as they are, or its codes. */
interface Run {
  readonly entry: TensorEntry;
  readonly offset: number;
  readonly byteLength: number;
  /** Bytes of a chunk: of as many elements, whatever they are kept in, so that a tensor's codes and its numbers are cut alike. */
  readonly step: number;
  /** Ids of the chunks, where the summary has them. */
  readonly chunks?: readonly BlobId[];
  readonly form?: CodeForm;
}

function verbatimRun(entry: TensorEntry, tensor: TensorSummary, at: FileRange): Run {
  const { offset, byteLength } = at;
  return { entry, offset, byteLength, step: chunkByteLength(entry.dtype), chunks: tensor.chunks };
}

function codesRun(entry: TensorEntry, { offset, byteLength, form }: NonNullable<TensorEntry['codes']>): Run {
  return { entry, offset, byteLength, step: codesByteLength(form, CHUNK_ELEMENTS), form };
}

/** Bytes that so many elements take as codes. */
function codesByteLength(form: CodeForm, elements: number): number {
  const unit = codeUnit(form);
  return (elements / unit.elements) * unit.byteLength;
}

/** The tensors whose bytes or codes stand in a file, in file order, without those that overlap an earlier one. */
function runsOf(checkpoint: OpenCheckpoint, summary: Summary, file: number): readonly Run[] {
  const byName = new Map(summary.tensors.map((tensor) => [tensor.name, tensor]));
  const runs = checkpoint.tensors.flatMap((entry): readonly Run[] => {
    const tensor = byName.get(entry.name);
    const place = entry.at ?? entry.codes;
    if (place === undefined || place.file !== file || place.byteLength === 0 || tensor === undefined) return [];
    if (entry.at !== undefined) return [verbatimRun(entry, tensor, entry.at)];
    return entry.codes === undefined ? [] : [codesRun(entry, entry.codes)];
  });
  runs.sort((a, b) => a.offset - b.offset || b.byteLength - a.byteLength);
  let end = 0;
  return runs.filter((run) => {
    if (run.offset < end) return false;
    end = run.offset + run.byteLength;
    return true;
  });
}

async function idOfChunk(source: ByteSource, offset: number, byteLength: number): Promise<BlobId> {
  return parseBlobId(sha256Hex(await source.read(offset, byteLength)));
}

async function chunkBlobs(run: Run, file: number, source: ByteSource): Promise<readonly PlannedBlob[]> {
  const { entry, form, step, chunks } = run;
  const blobs: PlannedBlob[] = [];
  for (let index = 0; index * step < run.byteLength; index++) {
    const offset = run.offset + index * step;
    const byteLength = Math.min(step, run.byteLength - index * step);
    blobs.push({
      id: chunks?.[index] ?? (await idOfChunk(source, offset, byteLength)),
      file,
      offset,
      byteLength,
      type: blockTypeOfRun(run),
      chunk: { tensor: entry.name, index },
      ...(form === undefined ? {} : { form }),
      ...rowOfChunk(entry, index),
    });
  }
  return blobs;
}

/** The blob of tensors that are stored together; it goes by the first of them. */
async function bundleBlob(runs: readonly [Run, ...Run[]], file: number, source: ByteSource): Promise<PlannedBlob> {
  const [{ entry, offset }] = runs;
  const byteLength = runs.reduce((sum, run) => sum + run.byteLength, 0);
  const id = await idOfChunk(source, offset, byteLength);
  return { id, file, offset, byteLength, type: entry.dtype, chunk: { tensor: entry.name, index: 0 } };
}

function blockTypeOfRun({ entry, form }: Run): BlockType {
  if (form === undefined) return entry.dtype;
  return isBlockForm(form) ? 'bytes' : form;
}

/** How a chunk lies in its tensor seen as a matrix: the first axis against all others, as they are stored. */
export function rowOfChunk({ shape, dtype }: Pick<TensorEntry, 'shape' | 'dtype'>, index: number): { row?: BlobRow } {
  const length = shape.slice(1).reduce((product, size) => product * size, 1);
  if (shape.length < 2 || length === 0) return {};
  return { row: { length, offset: (index * chunkElements(dtype)) % length, last: shape.at(-1) ?? 1 } };
}

/** Plans one file: tensor chunks where tensors stand, literals and content-defined chunks between them. */
async function planFile(
  checkpoint: OpenCheckpoint,
  summary: Summary,
  file: number,
): Promise<{ readonly segments: readonly Segment[]; readonly blobs: readonly PlannedBlob[] }> {
  const source = checkpoint.files[file]?.source;
  if (source === undefined) return { segments: [], blobs: [] };
  const segments: Segment[] = [];
  const blobs: PlannedBlob[] = [];
  const add = (blob: PlannedBlob): void => {
    blobs.push(blob);
    segments.push({ blob: blob.id, byteLength: blob.byteLength });
  };
  let at = 0;
  const fillUpTo = async (end: number): Promise<void> => {
    if (end - at <= LITERAL_BYTES) {
      if (end > at) segments.push({ literal: await source.read(at, end - at) });
      at = end;
      return;
    }
    const isShort = end - at <= MIN_CUT_BYTES;
    for await (const piece of isShort ? source.stream(at, end - at) : cutByContent(source.stream(at, end - at))) {
      add({ id: parseBlobId(sha256Hex(piece)), file, offset: at, byteLength: piece.byteLength, type: 'bytes' });
      at += piece.byteLength;
    }
  };
  for (const [run, ...others] of groupTensors(runsOf(checkpoint, summary, file))) {
    if (run === undefined) continue;
    await fillUpTo(run.offset);
    const planned =
      others.length === 0 ? await chunkBlobs(run, file, source) : [await bundleBlob([run, ...others], file, source)];
    for (const blob of planned) {
      add(blob);
      at += blob.byteLength;
    }
  }
  await fillUpTo(source.byteLength);
  return { segments, blobs };
}

/** The tensors with their contents; a hundred thousand of them are made field by field, which takes a quarter of the memory. */
function listTensors(checkpoint: OpenCheckpoint, summary: Summary): readonly ManifestTensor[] {
  const contents = new Map<string, ContentId>();
  for (const { name, content } of summary.tensors) contents.set(name, content);
  const tensors: ManifestTensor[] = [];
  for (const entry of checkpoint.tensors) {
    const content = contents.get(entry.name);
    if (content === undefined) continue;
    const { name, dtype, shape, role, at, codes, toCanonical } = entry;
    const isPlain = at !== undefined && codes === undefined && toCanonical === undefined;
    tensors.push(isPlain ? { name, dtype, shape, role, at, content } : { ...entry, content });
  }
  return tensors;
}

function checkRanges(checkpoint: OpenCheckpoint): void {
  for (const { name, at, codes, dtype } of checkpoint.tensors) {
    const place = at ?? codes;
    if (place === undefined) continue;
    const file = checkpoint.files[place.file];
    const unit = at === undefined && codes !== undefined ? codeUnit(codes.form).byteLength : elementByteLength(dtype);
    const isInside = file !== undefined && place.offset + place.byteLength <= file.source.byteLength;
    if (!isInside || place.byteLength % unit !== 0) {
      throw new BadFileError({
        format: checkpoint.format,
        rule: `tensor ${JSON.stringify(name)} must lie inside its file`,
      });
    }
  }
}

/**
 * Says what storing a checkpoint would write. Reads only the bytes between tensors, and codes.
 *
 * @param summary - of the same checkpoint, read just before.
 */
export async function planCheckpoint(checkpoint: OpenCheckpoint, summary: Summary): Promise<CheckpointPlan> {
  checkRanges(checkpoint);
  const files: ManifestFile[] = [];
  const blobs: PlannedBlob[] = [];
  for (const [index, file] of checkpoint.files.entries()) {
    const planned = await planFile(checkpoint, summary, index);
    const hashed = summary.files[index];
    if (hashed === undefined) continue;
    files.push({
      name: index === 0 ? '' : file.name,
      byteLength: file.source.byteLength,
      sha256: hashed.sha256,
      segments: planned.segments,
    });
    blobs.push(...planned.blobs);
  }
  const manifest: Manifest = {
    version: 1,
    format: checkpoint.format,
    files,
    tensors: listTensors(checkpoint, summary),
    declared: checkpoint.declared,
    ...(checkpoint.problem === undefined ? {} : { problem: checkpoint.problem.message }),
  };
  const encodedManifest = encodeManifest(manifest);
  return { id: parseManifestId(sha256Hex(encodedManifest)), manifest, encodedManifest, blobs };
}
