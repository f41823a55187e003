import path from 'node:path';
import { createSha256 } from '../bytes/sha256.ts';
import { WsvcError } from '../errors.ts';
import { conversionNotes } from '../formats/conversion-notes.ts';
import type { FormatWriter, WrittenFile } from '../formats/writer.ts';
import { findWriter, WRITABLE_FORMATS, writableTensors } from '../formats/writers.ts';
import { resolveOutput } from './explain-name.ts';
import { findNamed } from './find-checkpoint.ts';
import type { Operation } from './operation.ts';
import { createOverwriteGuard, type OverwriteGuard } from './overwrite-check.ts';
import { expectContent } from './pruned-content.ts';
import { type PutPiece, replaceFile, syncFolders } from './replace-file.ts';
import type { Repository } from './repository.ts';
import type { RestoredFile, RestoreResult } from './results.ts';
import { checkNotBeyondLink, toTreePath } from './work-tree.ts';

export interface ConvertOptions {
  /** A word of {@link WRITABLE_FORMATS}. */
  readonly format: string;
  readonly output?: string;
  readonly force?: boolean;
}

const ENDINGS: Readonly<Record<string, string>> = {
  safetensors: '.safetensors',
  npz: '.npz',
  pytorch: '.pt',
  tfjs: '.json',
};

function writerFor(format: string): FormatWriter {
  const writer = findWriter(format);
  if (writer !== undefined) return writer;
  throw new WsvcError('usage', `wsvc does not write ${format} files.`, {
    suggestions: [`It writes ${WRITABLE_FORMATS.join(', ')}.`],
  });
}

function defaultName(source: string, format: string): string {
  return `${source.replace(/(\.index)?\.[^./]+$/, '')}${ENDINGS[format] ?? ''}`;
}

async function writeConverted(
  file: WrittenFile,
  target: string,
  guard: OverwriteGuard,
): Promise<Omit<RestoredFile, 'path'>> {
  const hash = createSha256();
  let bytes = 0;
  const write = async (put: PutPiece): Promise<void> => {
    for await (const piece of file.bytes()) {
      hash.update(piece);
      await put(piece);
      bytes += piece.byteLength;
    }
  };
  await replaceFile(target, write, () => guard.confirm(target));
  return { bytes, sha256: hash.hex() };
}

/**
 * Writes a stored checkpoint's tensors (all but the optimizer's) in another format. Files that are saved nowhere are not
 * overwritten.
 *
 * @throws WsvcError `usage` for a format that is not written or cannot hold a tensor; `not-found`; `not-saved`.
 */
export async function* convertCheckpoint(
  repository: Repository,
  named: string,
  options: ConvertOptions,
): Operation<RestoreResult> {
  const writer = writerFor(options.format);
  const found = await findNamed(repository, named);
  await expectContent(repository, found);
  const primary =
    options.output === undefined
      ? path.join(repository.workTree, defaultName(found.path, options.format))
      : await resolveOutput(
          repository.environment.workingDirectory,
          options.output,
          defaultName(found.path, options.format),
        );
  const guard = await createOverwriteGuard(repository, { force: options.force ?? false });
  const checkpoint = await repository.checkpoints.open(found.pointer.manifest);
  try {
    const kept = checkpoint.tensors.filter(({ role }) => role !== 'optimizer');
    if (kept.length === 0) throw new WsvcError('bad-file', `${found.path} holds no weights that could be converted.`);
    const files = writer.write(writableTensors({ ...checkpoint, tensors: kept }), {
      fileName: path.basename(primary),
      declared: checkpoint.declared,
    });
    const targetOf = (file: WrittenFile): string => path.join(path.dirname(primary), file.name);
    for (const file of files) {
      if (options.output === undefined) await checkNotBeyondLink(repository, targetOf(file));
      await guard.check(targetOf(file), undefined);
    }
    const restored: RestoredFile[] = [];
    for (const file of files) {
      yield { phase: 'Writing', done: restored.length, total: files.length, detail: file.name };
      const target = targetOf(file);
      restored.push({ path: toTreePath(repository, target), ...(await writeConverted(file, target, guard)) });
    }
    await syncFolders(files.map((file) => path.dirname(targetOf(file))));
    const [first] = restored;
    if (first === undefined) throw new WsvcError('bug', 'A writer wrote nothing.');
    return { ...first, restored, pruned: [], notes: conversionNotes(checkpoint, writer) };
  } finally {
    await checkpoint.close();
  }
}
