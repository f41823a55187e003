import { join } from 'node:path';
import { WsvcError } from '../errors.ts';
import { type CommitId, type GitObjectId, parseCommitId } from '../objects/ids.ts';
import type { Disk } from './disk.ts';
import { findWholeObject } from './find-commits.ts';
import type { GitObjects } from './git-objects.ts';
import { isRecordRef } from './git-records.ts';
import { GitRefs } from './git-refs.ts';
import type { Head } from './history.ts';

/** A ref that does not lead to anything that can be read. */
export interface LostRef {
  readonly fullName: string;
  /** What its file says. */
  readonly text: string;
  readonly problem: string;
}

/** Which refs can be relied on, and which are lost. */
export interface RefSurvey {
  /** Refs that name objects which can be read. */
  readonly whole: ReadonlyMap<string, GitObjectId>;
  readonly lost: readonly LostRef[];
  /** Absent where HEAD's file cannot be read. */
  readonly head?: Head;
  readonly headText: string;
  /** What refs named that had to be put elsewhere: a copy may have these commits. */
  readonly remembered: readonly CommitId[];
  /** Lines of `packed-refs` that are not understood. */
  readonly strangeLines: readonly string[];
  /** No branch, and HEAD on one that is not there: a new repository, or one whose branches are gone, whatever tags are left. */
  readonly isBare: boolean;
}

const decoder = new TextDecoder();

/** True for the text of a ref that names an object, there or not. */
export const isIdText = (text: string | undefined): boolean => /^[0-9a-f]{40}\n?$/.test(text ?? '');

const isBranchRef = (fullName: string): boolean => fullName.startsWith('refs/heads/');

async function readText(disk: Disk, path: string): Promise<string> {
  return (await disk.find(path))?.kind === 'file' ? decoder.decode(await disk.readFile(path)) : '';
}

async function findHead(refs: GitRefs): Promise<Head | undefined> {
  try {
    return await refs.readHead();
  } catch (error) {
    if (error instanceof WsvcError && error.code === 'corrupt') return undefined;
    throw error;
  }
}

/** Lines of `packed-refs` that git would not understand; readers pass over them. */
export async function findStrangeLines(directory: string, disk: Disk): Promise<readonly string[]> {
  const lines = (await readText(disk, join(directory, 'packed-refs'))).split('\n');
  return lines.filter((line) => !/^([0-9a-f]{40} refs\/\S+|\^[0-9a-f]{40}|# pack-refs with:.*|)$/.test(line));
}

/** A line that was damaged may still say which ref it was. */
function lostFromLines(lines: readonly string[], known: ReadonlySet<string>): readonly LostRef[] {
  return lines.flatMap((text) => {
    const [, fullName] = / (refs\/[!-~]+)$/.exec(text) ?? [];
    if (fullName === undefined || known.has(fullName)) return [];
    return [{ fullName, text: text.slice(0, 40), problem: 'Its line in packed-refs does not name an object.' }];
  });
}

/** The branch of HEAD, when it is not there although others are. */
function lostHeadBranch(head: Head | undefined, known: ReadonlySet<string>): readonly LostRef[] {
  if (head?.kind !== 'branch' || head.commit !== undefined) return [];
  const fullName = `refs/heads/${head.branch}`;
  if (known.has(fullName) || ![...known].some(isBranchRef)) return [];
  return [{ fullName, text: '', problem: 'HEAD names this branch, and it is not there.' }];
}

/** True when HEAD stands on a commit by itself, whole or not. */
async function isDetachedAtNothing(objects: GitObjects, head: Head | undefined): Promise<boolean> {
  if (head?.kind !== 'detached') return false;
  return (await findWholeObject(objects, head.commit as unknown as GitObjectId))?.type !== 'commit';
}

/** Where an earlier repair wrote down what refs named that it had to put elsewhere: lines of an id and a ref. */
export const REMEMBERED_REFS = 'refs.damaged';

export async function readRemembered(directory: string, disk: Disk): Promise<readonly CommitId[]> {
  const lines = (await readText(disk, join(directory, REMEMBERED_REFS))).split('\n');
  return lines.filter((line) => /^[0-9a-f]{40} /.test(line)).map((line) => parseCommitId(line.slice(0, 40)));
}

/** Reads all refs and what they name; changes nothing, and does not stop at what is damaged. */
export async function surveyRefs(objects: GitObjects, disk: Disk): Promise<RefSurvey> {
  const directory = objects.gitDirectory;
  const refs = new GitRefs(directory, disk);
  const { refs: readable, damaged } = await refs.examine();
  const whole = new Map<string, GitObjectId>();
  const lost: LostRef[] = damaged.map((ref) => ({ ...ref, problem: 'It does not name an object.' }));
  for (const { fullName, id } of readable) {
    const object = await findWholeObject(objects, id);
    if (object !== undefined && (object.type === 'commit' || !isBranchRef(fullName))) whole.set(fullName, id);
    else lost.push({ fullName, text: id, problem: `It names ${id}, which is no commit that can be read.` });
  }
  const strangeLines = await findStrangeLines(directory, disk);
  lost.push(...lostFromLines(strangeLines, new Set([...whole.keys(), ...lost.map((ref) => ref.fullName)])));
  const found = await findHead(refs);
  const head = (await isDetachedAtNothing(objects, found)) ? undefined : found;
  lost.push(...lostHeadBranch(head, new Set([...whole.keys(), ...lost.map(({ fullName }) => fullName)])));
  const hasBranch = [...whole.keys(), ...lost.map(({ fullName }) => fullName)].some(isBranchRef);
  return {
    whole,
    lost,
    ...(head === undefined ? {} : { head }),
    headText: await readText(disk, join(directory, 'HEAD')),
    remembered: await readRemembered(directory, disk),
    strangeLines,
    isBare: !hasBranch && head?.kind !== 'detached',
  };
}

/** The commits that whole refs and HEAD name directly. */
export function tipsOf({ whole, head }: RefSurvey): readonly CommitId[] {
  const named = [...whole].filter(([name]) => !isRecordRef(name)).map(([, id]) => parseCommitId(id));
  return head?.commit === undefined ? named : [...named, head.commit];
}
