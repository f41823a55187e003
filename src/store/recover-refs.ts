import { join } from 'node:path';
import { type CommitId, parseGitObjectId } from '../objects/ids.ts';
import { writeFileAtomic } from './atomic-file.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { type CommitKind, findCommits, reachFrom, readCommitKind } from './find-commits.ts';
import { GitObjects } from './git-objects.ts';
import { isRecordRef } from './git-records.ts';
import { GitRefs } from './git-refs.ts';
import { planRefRecovery, type RecoverySources, type RefChange } from './plan-ref-recovery.ts';
import { peelToCommit } from './resolve-revision.ts';
import { isIdText, type LostRef, REMEMBERED_REFS, type RefSurvey, surveyRefs, tipsOf } from './survey-refs.ts';

const decoder = new TextDecoder();

async function readLastLogged(directory: string, disk: Disk, ref: string): Promise<string | undefined> {
  const path = join(directory, 'logs', ref);
  if ((await disk.find(path))?.kind !== 'file') return undefined;
  const lines = decoder
    .decode(await disk.readFile(path))
    .trimEnd()
    .split('\n');
  return /^[0-9a-f]{40} ([0-9a-f]{40}) /.exec(lines.at(-1) ?? '')?.[1];
}

/** Reflogs of the refs that are lost, and of all branches that have one. */
async function readReflogs(directory: string, disk: Disk, survey: RefSurvey): Promise<ReadonlyMap<string, string>> {
  const logged = new Map<string, string>();
  for (const { fullName } of survey.lost) {
    const last = await readLastLogged(directory, disk, fullName);
    if (last !== undefined) logged.set(fullName, last);
  }
  return logged;
}

function isWhole({ lost, head, strangeLines, remembered }: RefSurvey): boolean {
  return lost.length + strangeLines.length + remembered.length === 0 && head !== undefined;
}

async function readSources(objects: GitObjects, disk: Disk, survey: RefSurvey): Promise<RecoverySources> {
  const found = await findCommits(objects);
  const reached = reachFrom(
    [...tipsOf(survey), ...([...survey.whole.values()] as string[] as CommitId[])],
    found.commits,
  );
  const kinds = new Map<CommitId, CommitKind>();
  for (const commit of found.commits.values())
    if (!reached.has(commit.id)) kinds.set(commit.id, await readCommitKind(objects, commit));
  return { survey, found, kinds, lastLogged: await readReflogs(objects.gitDirectory, disk, survey) };
}

/**
 * Finds refs that are damaged or lost, and where they stood: by their own text, git's reflogs, and the commits that are stored.
 *
 * A branch that vanished without a trace beside others that are there is no different from one that was deleted.
 *
 * @returns what is wrong with each, and what {@link recoverRefs} does about it; nothing where all is well.
 */
export async function checkRefs(directory: string, disk: Disk = nodeDisk): Promise<readonly RefChange[]> {
  const objects = new GitObjects(directory, disk);
  const survey = await surveyRefs(objects, disk);
  if (isWhole(survey) && !survey.isBare) return [];
  return planRefRecovery(await readSources(objects, disk, survey));
}

/** The commits that refs which can be relied on lead to, and HEAD. */
export async function listWholeTips(directory: string, disk: Disk = nodeDisk): Promise<readonly CommitId[]> {
  const objects = new GitObjects(directory, disk);
  const { whole, head } = await surveyRefs(objects, disk);
  const tips = new Set<CommitId>();
  for (const [name, id] of whole) {
    if (isRecordRef(name)) continue;
    const commit = await peelToCommit(objects, id).catch(() => undefined);
    if (commit !== undefined) tips.add(commit);
  }
  if (head?.commit !== undefined) tips.add(head.commit);
  return [...tips];
}

/** True where no branch is left, although commits are stored: all are lost, or a first commit was cut short. */
export async function isHistoryUnreached(directory: string, disk: Disk = nodeDisk): Promise<boolean> {
  const objects = new GitObjects(directory, disk);
  const survey = await surveyRefs(objects, disk);
  return survey.isBare && planRefRecovery(await readSources(objects, disk, survey)).length > 0;
}

/** Writes `packed-refs` again without the lines that nobody understands; what it was is kept beside. */
async function cleanPackedRefs(directory: string, disk: Disk, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const path = join(directory, 'packed-refs');
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  const bytes = await disk.readFile(path);
  const strange = new Set(lines);
  const kept = decoder
    .decode(bytes)
    .split('\n')
    .filter((line) => !strange.has(line));
  await writeFileAtomic(`${path}.damaged`, bytes, options);
  await writeFileAtomic(path, new TextEncoder().encode(kept.join('\n')), options);
}

/** Writes down what refs named that are to be put elsewhere; `--from` looks for it in copies. */
async function rememberRefs(directory: string, disk: Disk, lost: readonly LostRef[]): Promise<void> {
  if (lost.length === 0) return;
  const path = join(directory, REMEMBERED_REFS);
  const before = (await disk.find(path)) === undefined ? '' : decoder.decode(await disk.readFile(path));
  const lines = lost.map(({ text, fullName }) => `${text.trim().replaceAll('\n', ' ')} ${fullName}\n`);
  const added = [...new Set(lines)].filter((line) => !before.includes(line)).join('');
  const options = { disk, temporaryDirectory: join(directory, 'tmp') };
  await writeFileAtomic(path, new TextEncoder().encode(`${before}${added}`), options);
}

async function applyChange(refs: GitRefs, { ref, target }: RefChange, lost: ReadonlyMap<string, LostRef>) {
  if (ref === 'HEAD' && target !== null) return refs.writeHead({ branch: target.replace(/^refs\/heads\//, '') });
  if (target !== null) return refs.overwrite(ref, parseGitObjectId(target));
  // An id is the only key to what is lost: it stays, for a copy may have the commit.
  if (!isIdText(lost.get(ref)?.text)) await refs.remove(ref);
}

/** Puts lost refs where {@link checkRefs} says. Call it under the repository's lock. */
export async function recoverRefs(directory: string, disk: Disk = nodeDisk): Promise<readonly RefChange[]> {
  const changes = await checkRefs(directory, disk);
  const refs = new GitRefs(directory, disk);
  const { lost, strangeLines } = await surveyRefs(new GitObjects(directory, disk), disk);
  await rememberRefs(directory, disk, lost);
  const byName = new Map(lost.map((ref) => [ref.fullName, ref]));
  for (const change of changes) await applyChange(refs, change, byName);
  await cleanPackedRefs(directory, disk, strangeLines);
  return changes;
}
