import { CHUNK_BYTES } from '../../src/bytes/source.ts';
import { BadFileError } from '../../src/errors.ts';
import type { OpenCheckpoint, TensorEntry } from '../../src/formats/format.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { planCheckpoint } from '../../src/repo/plan-checkpoint.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import { elementByteLength, elementCount } from '../../src/tensors/dtype.ts';
import { memoryFiles } from '../formats/files.ts';
import type { FuzzCase } from './cases.ts';

/** What became of a mutant. A fault is ours. */
export interface Verdict {
  readonly outcome: 'read' | 'refused' | 'fault';
  /** Of a refusal: the rule, without the names and numbers in it. */
  readonly rule?: string;
  readonly hasOffset?: boolean;
  readonly fault?: string;
}

class Fault extends Error {}

function expectThat(condition: boolean, what: string): void {
  if (!condition) throw new Fault(what);
}

/** Whole elements in bounded pieces, as many as the shape says. */
async function checkTensor(checkpoint: OpenCheckpoint, tensor: TensorEntry): Promise<void> {
  const unit = elementByteLength(tensor.dtype);
  let byteLength = 0;
  for await (const piece of checkpoint.readTensor(tensor)) {
    expectThat(piece.byteLength <= CHUNK_BYTES && piece.byteLength % unit === 0, 'a piece is no whole elements');
    byteLength += piece.byteLength;
  }
  expectThat(byteLength === elementCount(tensor.shape) * unit, 'a tensor has not as many bytes as its shape says');
  expectThat(
    tensor.shape.every((size) => Number.isSafeInteger(size) && size >= 0),
    'a shape is no shape',
  );
  const { at, toCanonical } = tensor;
  if (at !== undefined) {
    const available = checkpoint.files[at.file]?.source.byteLength ?? -1;
    expectThat(at.offset >= 0 && at.offset + at.byteLength <= available, 'a tensor stands outside its file');
    expectThat(at.byteLength === byteLength, 'a tensor stands in other bytes than it has');
  }
  const axes = toCanonical === undefined ? [] : [...toCanonical].sort((a, b) => a - b);
  expectThat(toCanonical === undefined || axes.length === tensor.shape.length, 'an order of axes is none');
  expectThat(
    axes.every((axis, i) => axis === i),
    'an order of axes is none',
  );
}

/** What `add` would store gives the files back, byte for byte. */
async function checkPlan(checkpoint: OpenCheckpoint): Promise<void> {
  const { manifest, blobs } = await planCheckpoint(checkpoint, await summarize(checkpoint));
  const byId = new Map(blobs.map((blob) => [blob.id, blob]));
  for (const [i, { segments }] of manifest.files.entries()) {
    const source = checkpoint.files[i]?.source;
    let at = 0;
    for (const segment of segments) {
      const blob = 'blob' in segment ? byId.get(segment.blob) : undefined;
      const bytes =
        'literal' in segment
          ? segment.literal
          : await checkpoint.files[blob?.file ?? 0]?.source.read(blob?.offset ?? 0, blob?.byteLength ?? 0);
      const stored = await source?.read(at, bytes?.byteLength ?? 0);
      expectThat(
        bytes !== undefined && Buffer.compare(bytes, stored ?? new Uint8Array(1)) === 0,
        'a stored byte differs',
      );
      at += bytes?.byteLength ?? 0;
    }
    expectThat(at === source?.byteLength, 'a stored file is shorter');
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
const RAW = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function judgeError(error: unknown): Verdict {
  if (error instanceof Fault) return { outcome: 'fault', fault: error.message };
  if (!(error instanceof BadFileError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { outcome: 'fault', fault: `an error that is not of the file: ${text.slice(0, 600)}` };
  }
  const { rule, byteOffset } = error.broken;
  if (rule.trim() === '') return { outcome: 'fault', fault: 'an error names no rule' };
  if (RAW.test(error.message))
    return { outcome: 'fault', fault: `an error holds control characters: ${JSON.stringify(error.message)}` };
  if (error.message.length > 20_000)
    return {
      outcome: 'fault',
      fault: `an error of ${error.message.length} characters: ${error.message.slice(0, 200)}`,
    };
  return {
    outcome: 'refused',
    rule: rule
      .replace(/"(\\.|[^"\\])*"/g, '"…"')
      .replace(/-?\d[\d.e+]*/g, 'N')
      .slice(0, 160),
    hasOffset: byteOffset !== undefined,
  };
}

/** Opens a mutant, reads all of it and, when asked to, plans its storage. */
export async function judgeCase(mutant: FuzzCase, isPlanned: boolean): Promise<Verdict> {
  let checkpoint: OpenCheckpoint | undefined;
  try {
    checkpoint = await openKnownCheckpoint(memoryFiles(mutant.files));
    const names = new Set(checkpoint.tensors.map(({ name }) => name));
    expectThat(names.size === checkpoint.tensors.length, 'two tensors have one name');
    for (const tensor of checkpoint.tensors) await checkTensor(checkpoint, tensor);
    if (isPlanned) await checkPlan(checkpoint);
    return { outcome: 'read' };
  } catch (error) {
    return judgeError(error);
  } finally {
    await checkpoint?.close();
  }
}
