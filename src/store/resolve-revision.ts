import { CorruptError, WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId, parseGitObjectId } from '../objects/ids.ts';
import { decodeTagTarget } from './git-format.ts';
import { type GitObjects, isGitError } from './git-objects.ts';
import type { GitRefs, RawRef } from './git-refs.ts';
import { loadGit } from './isomorphic.ts';

/** What resolving looks into. */
export interface RevisionSource {
  readonly objects: GitObjects;
  readonly refs: GitRefs;
  parentsOf(id: CommitId): Promise<readonly CommitId[]>;
}

export type FindPosition = (trajectory: string, position: number) => Promise<CommitId | undefined>;

function unknown(revision: string): WsvcError {
  return new WsvcError('not-found', `No commit, branch or tag is called ${JSON.stringify(revision)}.`, {
    suggestions: ['See "wsvc branch", "wsvc tag" and "wsvc log" for what there is.'],
  });
}

/** Follows annotated tags to the commit; `undefined` when a tree or blob stands there. */
export async function peelToCommit(objects: GitObjects, id: GitObjectId): Promise<CommitId | undefined> {
  const { type, content } = await objects.read(id);
  if (type === 'commit') return parseCommitId(id);
  return type === 'tag' ? peelToCommit(objects, decodeTagTarget(content)) : undefined;
}

/** The commit that a ref leads to; `undefined` when a tree or blob stands there. @throws CorruptError when what it names is missing. */
export async function peelRef(objects: GitObjects, { fullName, id }: RawRef): Promise<CommitId | undefined> {
  try {
    return await peelToCommit(objects, id);
  } catch (cause) {
    if (!(cause instanceof WsvcError) || cause.code !== 'not-found') throw cause;
    throw new CorruptError(`"${fullName}" names ${id}, which is missing`, { cause });
  }
}

/** Git's order: the name itself, then as a tag, then as a branch. */
const REF_PLACES = ['', 'refs/', 'refs/tags/', 'refs/heads/'];

async function findRef({ refs }: RevisionSource, name: string): Promise<GitObjectId | undefined> {
  for (const place of REF_PLACES) {
    const fullName = `${place}${name}`;
    if (!fullName.startsWith('refs/') || /(^|\/)\.|\/\/|\/$/.test(fullName)) continue;
    const found = await refs.find(fullName);
    if (found !== undefined) return found;
  }
  return undefined;
}

function abbreviationMatches(error: unknown): readonly GitObjectId[] {
  const data = error instanceof Error && 'data' in error ? error.data : undefined;
  const matches = typeof data === 'object' && data !== null && 'matches' in data ? data.matches : undefined;
  return Array.isArray(matches) ? matches.map((match) => parseGitObjectId(String(match))) : [];
}

/** Of several objects with that beginning, the one commit, as git prefers it where a commit is meant. */
async function chooseCommit(source: RevisionSource, text: string, ids: readonly GitObjectId[]): Promise<CommitId> {
  const commits: CommitId[] = [];
  for (const id of ids) {
    if ((await source.objects.read(id)).type === 'commit') commits.push(parseCommitId(id));
  }
  const [only] = commits;
  if (only !== undefined && commits.length === 1) return only;
  throw new WsvcError('usage', `The abbreviation "${text}" stands for several commits.`, {
    suggestions: [`Give more digits: ${(commits.length === 0 ? ids : commits).join(', ')}.`],
  });
}

/** Git takes no fewer digits for an abbreviation. */
const ABBREVIATION = /^[0-9a-f]{4,40}$/i;

async function findAbbreviated(source: RevisionSource, text: string): Promise<GitObjectId | undefined> {
  if (!ABBREVIATION.test(text)) return undefined;
  const { gitDirectory: gitdir, cache } = source.objects;
  const fs = await source.objects.openFs();
  try {
    const git = await loadGit();
    return parseGitObjectId(await git.expandOid({ fs, gitdir, cache, oid: text.toLowerCase() }));
  } catch (error) {
    if (isGitError(error, 'AmbiguousError')) return chooseAsObject(source, text, error);
    if (isGitError(error, 'NotFoundError')) return undefined;
    throw error;
  }
}

async function chooseAsObject(source: RevisionSource, text: string, error: unknown): Promise<GitObjectId> {
  return parseGitObjectId(await chooseCommit(source, text, abbreviationMatches(error)));
}

async function resolveBase(source: RevisionSource, name: string, positions?: FindPosition): Promise<CommitId> {
  const [, trajectory, position] = /^(.+)@\{(\d+(?:\.\d+)?)\}$/.exec(name) ?? [];
  if (trajectory !== undefined) {
    const found = await positions?.(trajectory, Number(position));
    if (found !== undefined) return found;
    throw new WsvcError('not-found', `No checkpoint stands at position ${position} of "${trajectory}".`);
  }
  if (name === 'HEAD' || name === '@') return resolveHead(source);
  const isFull = /^[0-9a-f]{40}$/.test(name);
  const id = (isFull ? undefined : await findRef(source, name)) ?? (await findAbbreviated(source, name));
  const commit = id === undefined ? undefined : await peelToCommit(source.objects, id);
  if (commit === undefined) throw unknown(name);
  return commit;
}

async function resolveHead({ refs }: RevisionSource): Promise<CommitId> {
  const head = await refs.readHead();
  if (head.commit !== undefined) return head.commit;
  const branch = head.kind === 'branch' ? head.branch : 'HEAD';
  throw new WsvcError('not-found', `The branch "${branch}" has no commit yet.`);
}

async function parentAt(source: RevisionSource, id: CommitId, which: number, revision: string): Promise<CommitId> {
  const parent = (await source.parentsOf(id))[which - 1];
  if (parent === undefined) {
    throw new WsvcError('not-found', `There is no ${JSON.stringify(revision)}: the history ends before.`);
  }
  return parent;
}

async function applySuffix(source: RevisionSource, id: CommitId, suffix: string, revision: string): Promise<CommitId> {
  if (suffix === '^{commit}' || suffix === '^{}' || suffix === '^0') return id;
  const count = suffix.length === 1 ? 1 : Number(suffix.slice(1));
  if (suffix.startsWith('^')) return parentAt(source, id, count, revision);
  let commit = id;
  for (let i = 0; i < count; i++) commit = await parentAt(source, commit, 1, revision);
  return commit;
}

/**
 * Resolves git's revision syntax, as `History.resolveRevision` promises.
 *
 * @throws WsvcError `not-found`, or `usage` for an ambiguous abbreviation.
 */
export async function resolveRevision(
  source: RevisionSource,
  revision: string,
  positions?: FindPosition,
): Promise<CommitId> {
  const [, base = '', suffixes = ''] = /^(.*?)((?:\^\{(?:commit)?\}|[~^]\d*)*)$/s.exec(revision) ?? [];
  if (base === '') throw unknown(revision);
  let commit = await resolveBase(source, base, positions);
  for (const [suffix] of suffixes.matchAll(/\^\{(?:commit)?\}|[~^]\d*/g)) {
    commit = await applySuffix(source, commit, suffix, revision);
  }
  return commit;
}
