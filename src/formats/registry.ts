import type { ByteSource, FileSet } from '../bytes/source.ts';
import { BadFileError, WsvcError } from '../errors.ts';
import { arrayPickle } from './array-pickle/index.ts';
import { badFile, toBadFile } from './bad-file.ts';
import type { Format, FormatName, OpenCheckpoint } from './format.ts';
import { ggml, gguf } from './ggml/index.ts';
import { hdf5 } from './hdf5/index.ts';
import { keras } from './keras/index.ts';
import { npy, npz } from './numpy/index.ts';
import { onnx } from './onnx/index.ts';
import { pytorchLegacy, pytorchTar, pytorchZip } from './pytorch/index.ts';
import { safetensors } from './safetensors/index.ts';
import { sb3 } from './sb3/index.ts';
import { tfCheckpoint } from './tf-checkpoint/index.ts';
import { tfjs } from './tfjs/index.ts';
import { tflite } from './tflite/index.ts';
import { openUnknown, unknown } from './unknown/index.ts';

/** What `Format.matches` gets to see. */
const HEAD_BYTES = 4096;

/** In the order they are tried: the sooner, the surer its sign. */
const KNOWN_FORMATS: readonly Format[] = [
  safetensors,
  gguf,
  ggml,
  tfCheckpoint,
  npy,
  npz,
  tfjs,
  hdf5,
  tflite,
  keras,
  sb3,
  pytorchLegacy,
  pytorchTar,
  pytorchZip,
  arrayPickle,
  onnx,
];

/** What stands in a work tree until Git LFS fetches the file (its specification, version 1). */
const LFS_SIGN = new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n');
const LFS_POINTER = 'it is the pointer that Git LFS left in its place; "git lfs pull" fetches the file';

function isLfsPointer(head: Uint8Array): boolean {
  return LFS_SIGN.every((byte, i) => head[i] === byte);
}

/** Opens a primary file, or says what is wrong with it; the source stays the caller's when nothing opened it. */
type Attempt = { readonly checkpoint: OpenCheckpoint } | { readonly problem: BadFileError; readonly isKnown: boolean };

async function openPrimary(files: FileSet): Promise<ByteSource> {
  const primary = await files.open(files.primary);
  if (primary === undefined) throw new WsvcError('not-found', `There is no file ${files.primary}.`);
  return primary;
}

/** A wrong extension is no obstacle: every format that could be meant is tried, the first failure is told. */
async function tryFormats(primary: ByteSource, files: FileSet): Promise<Attempt> {
  const head = await primary.read(0, Math.min(HEAD_BYTES, primary.byteLength));
  if (isLfsPointer(head)) return { isKnown: true, problem: new BadFileError({ format: 'model', rule: LFS_POINTER }) };
  let problem: BadFileError | undefined;
  for (const format of KNOWN_FORMATS) {
    if (!format.matches(head, files.primary, primary.byteLength)) continue;
    try {
      return { checkpoint: await format.open(primary, files) };
    } catch (error) {
      const failure = toBadFile(format.name, error);
      problem ??= failure;
    }
  }
  const isKnown = problem !== undefined;
  return { isKnown, problem: problem ?? badFile('unknown', 'it begins like no format that wsvc reads', 0) };
}

/** Runs `open` on the primary file, which is closed if that fails. */
async function withPrimary(
  files: FileSet,
  open: (primary: ByteSource) => Promise<OpenCheckpoint>,
): Promise<OpenCheckpoint> {
  const primary = await openPrimary(files);
  try {
    return await open(primary);
  } catch (error) {
    await primary.close();
    throw error;
  }
}

/**
 * Opens a model file of any format; one that is malformed or of no known format opens as `unknown`, without tensors.
 *
 * @throws WsvcError `not-found`, `system`; never `bad-file`.
 */
export function openCheckpoint(files: FileSet): Promise<OpenCheckpoint> {
  return withPrimary(files, async (primary) => {
    const attempt = await tryFormats(primary, files);
    if ('checkpoint' in attempt) return attempt.checkpoint;
    return openUnknown(primary, files.primary, attempt.isKnown ? attempt.problem : undefined);
  });
}

/**
 * Opens a model file of a format that wsvc reads.
 *
 * @throws BadFileError when it is malformed or of no known format.
 */
export function openKnownCheckpoint(files: FileSet): Promise<OpenCheckpoint> {
  return withPrimary(files, async (primary) => {
    const attempt = await tryFormats(primary, files);
    if ('checkpoint' in attempt) return attempt.checkpoint;
    throw attempt.problem;
  });
}

/**
 * Opens a file as a format that is known already: a stored checkpoint's, whose file may have no name.
 *
 * @throws BadFileError when it is not of that format.
 */
export function openCheckpointAs(name: FormatName, files: FileSet): Promise<OpenCheckpoint> {
  const format = KNOWN_FORMATS.find((candidate) => candidate.name === name) ?? unknown;
  return withPrimary(files, async (primary) => {
    try {
      return await format.open(primary, files);
    } catch (error) {
      throw toBadFile(name, error);
    }
  });
}
