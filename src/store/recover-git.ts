import { type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { findWholeObject } from './find-commits.ts';
import { decodeCommit, decodeTagTarget, decodeTree } from './git-format.ts';
import { GitIndex } from './git-index.ts';
import type { GitObject } from './git-object.ts';
import { GitObjects } from './git-objects.ts';
import { GitRefs } from './git-refs.ts';
import { readRemembered, surveyRefs } from './survey-refs.ts';

/** A git object that could not be read and now can. */
export interface RecoveredGitObject {
  readonly object: string;
  /** The repository that had it. */
  readonly source: string;
}

function childrenOf(id: GitObjectId, { type, content }: GitObject): readonly GitObjectId[] {
  if (type === 'tag') return [decodeTagTarget(content)];
  if (type === 'tree') return decodeTree(content).flatMap((entry) => (entry.kind === 'other' ? [] : [entry.id]));
  if (type === 'blob') return [];
  const { tree, parents } = decodeCommit(parseCommitId(id), content);
  return [tree, ...parents.map((parent) => parseGitObjectId(parent))];
}

/** What anything names: also refs whose objects are lost, for another repository may have them. */
async function listRoots(directory: string, disk: Disk): Promise<readonly GitObjectId[]> {
  const { refs } = await new GitRefs(directory, disk).examine();
  const { head } = await surveyRefs(new GitObjects(directory, disk), disk);
  const staged = await new GitIndex(directory, disk).read().catch(() => new Map<string, GitObjectId>());
  const remembered = (await readRemembered(directory, disk)).map((id) => parseGitObjectId(id));
  const tips = [...refs.map(({ id }) => id), ...remembered];
  return [...tips, ...staged.values(), ...(head?.commit === undefined ? [] : [parseGitObjectId(head.commit)])];
}

/**
 * Copies git objects that refs, HEAD or the staging area reach and that cannot be read, from other repositories; what is read there is
 * compared with its name. Objects that nobody has are passed over. Call it under the repository's lock.
 *
 * @param sources - `.wsvc` folders of other repositories, or any bare git directories.
 * @throws CorruptError when a ref, HEAD or the staging area itself cannot be read.
 */
export async function recoverGitObjects(
  directory: string,
  sources: readonly string[],
  disk: Disk = nodeDisk,
): Promise<readonly RecoveredGitObject[]> {
  const own = new GitObjects(directory, disk);
  const others = sources.map((source) => ({ source, objects: new GitObjects(source, disk) }));
  const recovered: RecoveredGitObject[] = [];
  const seen = new Set<GitObjectId>();
  const stack = [...(await listRoots(directory, disk))];
  for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    let object = await findWholeObject(own, id);
    for (const { source, objects } of object === undefined ? others : []) {
      object = await findWholeObject(objects, id);
      if (object === undefined) continue;
      await own.write(object);
      recovered.push({ object: id, source });
      break;
    }
    if (object !== undefined) stack.push(...childrenOf(id, object));
  }
  return recovered;
}
