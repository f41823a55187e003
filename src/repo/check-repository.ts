import { createSha256 } from '../bytes/sha256.ts';
import { WsvcError } from '../errors.ts';
import type { BlobId, ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';
import { type BlobFinding, checkBlobs } from '../store/check-blobs.ts';
import { checkGit } from '../store/check-git.ts';
import { checkFormatVersion, PRUNED_FORMAT_VERSION } from '../store/layout.ts';
import { checkDerived } from './check-derived.ts';
import { checkHistory } from './check-history.ts';
import { readWaitingManifests } from './moved-files.ts';
import type { Operation, ProgressEvent } from './operation.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';
import type { Repository } from './repository.ts';
import type { FsckFinding, FsckResult } from './results.ts';
import { storedSource } from './stored-files.ts';

/** How deep to look (docs/format.md, "Checking"). */
export type FsckLevel = 'connectivity' | 'stored' | 'content';

export interface FsckOptions {
  readonly level?: FsckLevel;
  /** Restore every file of every commit in memory and compare it with the hash of what was added. */
  readonly prove?: boolean;
}

/** Which commits need a manifest or blob. */
type Users = ReadonlyMap<string, readonly string[]>;

interface Walk {
  readonly findings: readonly FsckFinding[];
  readonly manifests: ReadonlyMap<ManifestId, Manifest>;
  readonly users: Users;
}

function messageOf(error: unknown): string {
  if (error instanceof WsvcError) return error.message;
  throw error;
}

function blobsOf(manifest: Manifest): readonly BlobId[] {
  return manifest.files.flatMap(({ segments }) =>
    segments.flatMap((segment) => ('blob' in segment ? segment.blob : [])),
  );
}

function groupByManifest(recorded: Iterable<RecordedCheckpoint>): ReadonlyMap<ManifestId, readonly string[]> {
  const commits = new Map<ManifestId, string[]>();
  for (const { commit, checkpoint } of recorded) {
    if (checkpoint === undefined) continue;
    const id = checkpoint.pointer.manifest;
    commits.set(id, [...(commits.get(id) ?? []), commit]);
  }
  return commits;
}

/** Level one: every commit, pointer, manifest and blob that history needs is there. */
async function walkCheckpoints(
  repository: Repository,
  commits: ReadonlyMap<ManifestId, readonly string[]>,
): Promise<Walk> {
  const findings: FsckFinding[] = [];
  const manifests = new Map<ManifestId, Manifest>();
  const users = new Map<string, string[]>();
  for (const [id, users_] of commits) {
    try {
      const manifest = await repository.checkpoints.manifest(id);
      manifests.set(id, manifest);
      for (const blob of [id, ...blobsOf(manifest)]) users.set(blob, [...(users.get(blob) ?? []), ...users_]);
      for (const blob of new Set(blobsOf(manifest))) {
        if (await repository.blobs.has(blob)) continue;
        findings.push({ level: 'connectivity', object: blob, problem: 'The blob is missing.', commits: users_ });
      }
    } catch (error) {
      findings.push({ level: 'connectivity', object: id, problem: messageOf(error), commits: users_ });
    }
  }
  return { findings, manifests, users };
}

function describeFinding(finding: BlobFinding, users: Users): FsckFinding {
  const { level, object, problem, blob } = finding;
  return { level, object, problem, commits: [...new Set(users.get(blob ?? object) ?? [])] };
}

/** Restores a checkpoint's files in memory, piece by piece, and compares their hashes. */
async function proveManifest(
  repository: Repository,
  manifest: Manifest,
): Promise<{ readonly bytes: number; readonly differing: number }> {
  let [bytes, differing] = [0, 0];
  for (const file of manifest.files) {
    const hash = createSha256();
    for await (const piece of storedSource(file, repository.blobs).stream()) hash.update(piece);
    bytes += file.byteLength;
    if (hash.hex() !== file.sha256) differing += file.byteLength;
  }
  return { bytes, differing };
}

async function* proveAll(
  repository: Repository,
  { manifests, users }: Walk,
): AsyncGenerator<
  ProgressEvent,
  { readonly findings: readonly FsckFinding[]; readonly proof: NonNullable<FsckResult['proof']> },
  void
> {
  const findings: FsckFinding[] = [];
  let [files, bytes, differingBytes] = [0, 0, 0];
  for (const [done, [id, manifest]] of [...manifests].entries()) {
    yield { phase: 'Restoring', done, total: manifests.size };
    files += manifest.files.length;
    try {
      const proved = await proveManifest(repository, manifest);
      bytes += proved.bytes;
      differingBytes += proved.differing;
      if (proved.differing === 0) continue;
      findings.push({
        level: 'content',
        object: id,
        problem: 'A file restores to other bytes.',
        commits: users.get(id) ?? [],
      });
    } catch (error) {
      const lost = manifest.files.reduce((total, file) => total + file.byteLength, 0);
      differingBytes += lost;
      findings.push({ level: 'content', object: id, problem: messageOf(error), commits: users.get(id) ?? [] });
    }
  }
  return { findings, proof: { files, bytes, differingBytes } };
}

/** What waits to be committed is no commit's yet, but must be there as well. */
async function readStaging(
  repository: Repository,
): Promise<{ readonly manifests: readonly ManifestId[]; readonly findings: readonly FsckFinding[] }> {
  try {
    const staged = (await repository.history.listStaged()).map(({ pointer }) => pointer.manifest);
    return { manifests: [...staged, ...(await readWaitingManifests(repository))], findings: [] };
  } catch (error) {
    const finding = { level: 'git', object: 'index', problem: messageOf(error), commits: [] } as const;
    return { manifests: [], findings: [finding] };
  }
}

async function readVersion(repository: Repository): Promise<number | undefined> {
  return checkFormatVersion(repository.directory).catch(() => undefined);
}

async function checkFormat(repository: Repository): Promise<readonly FsckFinding[]> {
  try {
    await checkFormatVersion(repository.directory);
    return [];
  } catch (error) {
    const problem = `${messageOf(error)} "wsvc fsck --repair" makes it anew.`;
    return [{ level: 'git', object: 'format', problem, commits: [] }];
  }
}

/** The record of what was pruned: nothing could compute it again. */
async function checkPruned(
  repository: Repository,
  recorded: readonly RecordedCheckpoint[],
): Promise<{ readonly pruned: ReadonlySet<ManifestId>; readonly findings: readonly FsckFinding[] }> {
  const findings: FsckFinding[] = [];
  const commits = groupByManifest(recorded);
  const found = (object: string, problem: string, users: readonly string[] = []): void =>
    void findings.push({ level: 'connectivity', object, problem, commits: users });
  try {
    const { byId, commit } = await repository.pruned.read();
    const version = await readVersion(repository);
    if (commit !== undefined && version !== undefined && version < PRUNED_FORMAT_VERSION) {
      found('format', 'Checkpoints were pruned, but the format version does not say so.');
    }
    for (const id of byId.keys()) {
      try {
        if ((await repository.pruned.summary(id)) === undefined)
          found(id, 'The summary of a pruned checkpoint is missing.', commits.get(id));
      } catch (error) {
        found(id, messageOf(error), commits.get(id));
      }
    }
    return { pruned: new Set(byId.keys()), findings };
  } catch (error) {
    found('refs/wsvc/pruned', messageOf(error));
    return { pruned: new Set(), findings };
  }
}

/**
 * Checks a repository; changes nothing.
 *
 * @param options - `connectivity`: everything that is needed is there; `stored`: stored bytes match their checksums;
 *   `content` (the default): everything decodes to what its name says.
 */
export async function* checkRepository(repository: Repository, options: FsckOptions = {}): Operation<FsckResult> {
  yield { phase: 'Reading the history', done: 0, total: 1 };
  const { recorded, findings: gitFindings } = await checkHistory(repository);
  const formatFindings = await checkFormat(repository);
  const staging = await readStaging(repository);
  const records = await checkPruned(repository, recorded);
  const committed = [...groupByManifest(recorded)].filter(([id]) => !records.pruned.has(id));
  const needed = new Map([...staging.manifests.map((id) => [id, []] as const), ...committed]);
  const walk = await walkCheckpoints(repository, needed);
  const findings = [...formatFindings, ...gitFindings, ...staging.findings, ...records.findings, ...walk.findings];
  yield { phase: 'Checking blobs', done: 0, total: 1 };
  const checking = checkBlobs(repository.blobs, { level: options.level ?? 'content' });
  let step = await checking.next();
  for (; !step.done; step = await checking.next()) findings.push(describeFinding(step.value, walk.users));
  if (options.level !== 'connectivity') {
    for await (const { object, problem } of checkGit(repository.directory, repository.blobs.disk)) {
      findings.push({ level: 'git', object, problem, commits: [] });
    }
    for await (const finding of checkDerived(repository)) findings.push(finding);
  }
  const { blobs, bytes } = step.value;
  const checked = {
    commits: recorded.length,
    manifests: walk.manifests.size,
    pruned: records.pruned.size,
    blobs,
    bytes,
  };
  const isHistoryWhole = gitFindings.length + staging.findings.length === 0;
  if (!options.prove) return { findings, checked, isHistoryWhole };
  const { findings: unproved, proof } = yield* proveAll(repository, walk);
  return { findings: [...findings, ...unproved], checked, isHistoryWhole, proof };
}
