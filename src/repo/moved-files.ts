import { sha256Hex } from '../bytes/sha256.ts';
import { CorruptError } from '../errors.ts';
import type { GitObjectId, ManifestId } from '../objects/ids.ts';
import { formatPointer, type Pointer } from '../objects/pointer.ts';
import { type Repository, signatureNow } from './repository.ts';

/** Wsvc's own ref that holds the entries. */
const REF = 'moved';

/** A path whose file was taken away because its content is stored (`add --move`). */
export interface MovedFile {
  readonly path: string;
  readonly pointer: Pointer;
  /** True until a commit holds it: until then the entry is all that says that the content is needed. */
  readonly isWaiting: boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Files = Map<string, Uint8Array | GitObjectId>;

const stateOf = (isWaiting: boolean): string => (isWaiting ? 'waiting' : 'committed');

const nameOf = ({ path, pointer }: Pick<MovedFile, 'path' | 'pointer'>): string =>
  `${pointer.manifest}-${sha256Hex(encoder.encode(path)).slice(0, 16)}`;

/**
 * An entry is two files: the pointer, in a folder that says the state, and the path. As the pointer is in a tree that a ref reaches, a
 * wsvc that does not know these entries keeps the content too.
 */
function setEntry(files: Files, moved: MovedFile): void {
  const name = nameOf(moved);
  removeEntry(files, moved);
  files.set(`${stateOf(moved.isWaiting)}/${name}`, encoder.encode(formatPointer(moved.pointer)));
  files.set(`paths/${name}`, encoder.encode(JSON.stringify(moved.path)));
}

function removeEntry(files: Files, moved: Pick<MovedFile, 'path' | 'pointer'>): void {
  for (const folder of [stateOf(true), stateOf(false), 'paths']) files.delete(`${folder}/${nameOf(moved)}`);
}

/** Reads which files were taken away. */
export async function readMoved(repository: Repository): Promise<readonly MovedFile[]> {
  const { history } = repository;
  const { files } = await history.readRecords(REF);
  const moved: MovedFile[] = [];
  for (const [file, object] of files) {
    const [, state, name] = /^(waiting|committed)\/(.*)$/.exec(file) ?? [];
    if (name === undefined) continue;
    const path = files.get(`paths/${name}`);
    if (path === undefined) throw new CorruptError('the record of a moved file has no path');
    const text = decoder.decode(await history.readRecord(path));
    moved.push({
      path: String(JSON.parse(text)),
      pointer: await history.readPointer(object),
      isWaiting: state === 'waiting',
    });
  }
  return moved;
}

async function changeMoved(repository: Repository, message: string, change: (files: Files) => void): Promise<void> {
  const { commit, files } = await repository.history.readRecords(REF);
  const changed: Files = new Map(files);
  change(changed);
  const author = signatureNow(repository.environment);
  await repository.history.writeRecords(REF, { message, author, files: changed }, commit);
}

/** Writes down, durably, that these files are about to go. Under the repository's lock. */
export async function rememberMoved(
  repository: Repository,
  moved: readonly Omit<MovedFile, 'isWaiting'>[],
): Promise<void> {
  if (moved.length === 0) return;
  await changeMoved(repository, `Move ${moved.length} in`, (files) => {
    for (const one of moved) setEntry(files, { ...one, isWaiting: true });
  });
}

/** Commits hold these now. */
export async function settleMoved(repository: Repository, committed: ReadonlySet<ManifestId>): Promise<void> {
  const settled = (await readMoved(repository)).filter(
    ({ pointer, isWaiting }) => isWaiting && committed.has(pointer.manifest),
  );
  if (settled.length === 0) return;
  await changeMoved(repository, `Commit ${settled.length}`, (files) => {
    for (const one of settled) setEntry(files, { ...one, isWaiting: false });
  });
}

/** The files are there again. */
export async function forgetMoved(repository: Repository, paths: ReadonlySet<string>): Promise<void> {
  const back = (await readMoved(repository)).filter(({ path }) => paths.has(path));
  if (back.length === 0) return;
  await changeMoved(repository, `Bring ${back.length} back`, (files) => {
    for (const one of back) removeEntry(files, one);
  });
}

/** Manifests that only these entries hold. */
export async function readWaitingManifests(repository: Repository): Promise<readonly ManifestId[]> {
  return (await readMoved(repository)).filter(({ isWaiting }) => isWaiting).map(({ pointer }) => pointer.manifest);
}
