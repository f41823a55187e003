import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ForkPoint, LineageEdge } from '../lineage/model.ts';
import { type CommitId, type ManifestId, parseCommitId, parseManifestId } from '../objects/ids.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';
import { METHOD_VERSION } from './forest-cache.ts';
import type { Repository } from './repository.ts';
import type { ViewEntry, ViewMember, ViewOutline, ViewPlace, ViewTrajectory } from './view-outline.ts';

/** Raised with the form of the file. */
const VERSION = 2;
/** Views kept: of where the refs stand, and of where they stood. */
const KEPT_VIEWS = 3;
const ID_DIGITS = 64;
const COMMIT_DIGITS = 40;
const NO_COMMIT = '-'.repeat(COMMIT_DIGITS);

/** Columns: names are written once, and thousands of ids are one long text. */
interface StoredOutline {
  readonly ids: string;
  readonly commits: string;
  readonly sources: readonly string[];
  readonly trajectories: readonly (Omit<ViewTrajectory, 'entries' | 'forkedFrom'> & {
    readonly fork: readonly [number, number, number | null] | null;
    /** Members by place, and where they lie. */
    readonly entries: readonly number[];
    readonly positions: readonly number[];
    readonly commits: string;
    /** Null where every entry has its member's source. */
    readonly sources: readonly string[] | null;
  })[];
  readonly edges: {
    readonly children: readonly number[];
    readonly parents: readonly number[];
    readonly relations: readonly string[];
    readonly confidences: readonly number[];
    /** As text, for some are infinite. */
    readonly logPValues: readonly (string | null)[];
    readonly weights: readonly number[];
  };
}

/** Names the state that a view is a function of: where branches, tags and HEAD stand, and what was pruned. */
export async function viewKey({ history, pruned }: Repository): Promise<string> {
  const lines = (refs: readonly { readonly name: string; readonly commit: string }[]): string[] =>
    refs.map(({ name, commit }) => `${commit} ${name}`);
  const [branches, tags, head] = [await history.listBranches(), await history.listTags(), await history.readHead()];
  const text = [`view ${VERSION} ${METHOD_VERSION}`, ...lines(branches), '', ...lines(tags), '', head.commit ?? ''];
  const { commit } = await pruned.read();
  if (commit !== undefined) text.push(`pruned ${commit}`);
  return createHash('sha256').update(text.join('\n')).digest('hex');
}

const joinCommits = (entries: readonly { readonly commit?: CommitId }[]): string =>
  entries.map(({ commit }) => commit ?? NO_COMMIT).join('');

function encodeTrajectory(
  { entries, forkedFrom, ...facts }: ViewTrajectory,
  { members }: ViewOutline,
  placeOf: (id: ManifestId) => number,
): StoredOutline['trajectories'][number] {
  const places = entries.map(({ id }) => placeOf(id));
  const isPlain = entries.every(({ source }, i) => members[places[i] ?? -1]?.source === source);
  return {
    ...facts,
    fork:
      forkedFrom === undefined
        ? null
        : [placeOf(forkedFrom.id), forkedFrom.confidence, forkedFrom.confidenceWithinOne ?? null],
    entries: places,
    positions: entries.map(({ position }) => position),
    commits: joinCommits(entries),
    sources: isPlain ? null : entries.map(({ source }) => source),
  };
}

function encodeOutline(outline: ViewOutline): StoredOutline {
  const { members, trajectories, edges } = outline;
  const places = new Map(members.map(({ id }, place) => [id, place]));
  const placeOf = (id: ManifestId): number => places.get(id) ?? -1;
  return {
    ids: members.map(({ id }) => id).join(''),
    commits: joinCommits(members),
    sources: members.map(({ source }) => source),
    trajectories: trajectories.map((trajectory) => encodeTrajectory(trajectory, outline, placeOf)),
    edges: {
      children: edges.map(({ child }) => placeOf(child)),
      parents: edges.map(({ parent }) => placeOf(parent)),
      relations: edges.map(({ relation }) => relation),
      confidences: edges.map(({ confidence }) => confidence),
      logPValues: edges.map(({ logPValue }) => (logPValue === undefined ? null : String(logPValue))),
      weights: edges.map(({ weight }) => weight),
    },
  };
}

const idAt = (ids: string, i: number): ManifestId => parseManifestId(ids.slice(i * ID_DIGITS, (i + 1) * ID_DIGITS));

function commitAt(commits: string, i: number): CommitId | undefined {
  const text = commits.slice(i * COMMIT_DIGITS, (i + 1) * COMMIT_DIGITS);
  return text === NO_COMMIT ? undefined : parseCommitId(text);
}

/** Property by property, which for thousands takes a fraction of what spreading takes. */
function withCommit<T extends { readonly commit?: CommitId }>(
  entry: { -readonly [Key in keyof T]: T[Key] },
  commit: CommitId | undefined,
): T {
  if (commit !== undefined) entry.commit = commit;
  return entry;
}

function decodeFork([place, confidence, within]: readonly [number, number, number | null], ids: string): ForkPoint {
  return { id: idAt(ids, place), confidence, ...(within === null ? {} : { confidenceWithinOne: within }) };
}

function decodeEntries(
  { entries, positions, commits, sources }: StoredOutline['trajectories'][number],
  { ids, sources: ownSources }: StoredOutline,
): readonly ViewEntry[] {
  return entries.map((place, i) =>
    withCommit<ViewEntry>(
      {
        id: idAt(ids, place),
        source: sources?.[i] ?? ownSources[place] ?? '',
        position: positions[i] ?? 0,
      },
      commitAt(commits, i),
    ),
  );
}

/** Entries are decoded when they are asked for: most questions need those of no trajectory, or of one. */
function decodeTrajectory(stored: StoredOutline['trajectories'][number], outline: StoredOutline): ViewTrajectory {
  const { fork, name, isOrdered, orderConfidence, direction } = stored;
  let decoded: readonly ViewEntry[] | undefined;
  return {
    name,
    isOrdered,
    orderConfidence,
    direction,
    ...(fork === null ? {} : { forkedFrom: decodeFork(fork, outline.ids) }),
    get entries() {
      decoded ??= decodeEntries(stored, outline);
      return decoded;
    },
  };
}

function decodePlaces({ sources, trajectories }: StoredOutline): readonly (ViewPlace | undefined)[] {
  const places: (ViewPlace | undefined)[] = Array.from(sources, () => undefined);
  for (const { name, entries, positions } of trajectories) {
    entries.forEach((member, i) => {
      places[member] ??= { trajectory: name, position: positions[i] ?? 0 };
    });
  }
  return places;
}

function decodeEdges({ ids, edges }: StoredOutline): readonly LineageEdge[] {
  return edges.children.map((child, i): LineageEdge => {
    const logPValue = edges.logPValues[i] ?? null;
    return {
      child: idAt(ids, child),
      parent: idAt(ids, edges.parents[i] ?? -1),
      relation: edges.relations[i] ?? '',
      confidence: edges.confidences[i] ?? 0,
      ...(logPValue === null ? {} : { logPValue: Number(logPValue) }),
      weight: edges.weights[i] ?? 0,
    };
  });
}

function decodeOutline(outline: StoredOutline): ViewOutline {
  const { ids, commits, sources, trajectories } = outline;
  let edges: readonly LineageEdge[] | undefined;
  return {
    members: sources.map((source, i) => withCommit<ViewMember>({ id: idAt(ids, i), source }, commitAt(commits, i))),
    trajectories: trajectories.map((trajectory) => decodeTrajectory(trajectory, outline)),
    places: decodePlaces(outline),
    get edges() {
      edges ??= decodeEdges(outline);
      return edges;
    },
  };
}

const folderOf = (derivedDirectory: string): string => path.join(derivedDirectory, 'views');

/** The view that was computed of exactly this state, if it is still kept. */
export function readCachedView(derivedDirectory: string, key: string): ViewOutline | undefined {
  let bytes = Buffer.alloc(0);
  deriveSync(() => {
    bytes = readFileSync(path.join(folderOf(derivedDirectory), key));
  });
  const body = bytes.subarray(ID_DIGITS);
  if (createHash('sha256').update(body).digest('hex') !== bytes.toString('latin1', 0, ID_DIGITS)) return undefined;
  return decodeOutline(JSON.parse(body.toString('utf8')) as StoredOutline);
}

/** Keeps a view for the next command that finds the refs where they are. */
export function rememberView(derivedDirectory: string, key: string, outline: ViewOutline): void {
  const body = Buffer.from(JSON.stringify(encodeOutline(outline)));
  const checksum = createHash('sha256').update(body).digest('hex');
  replaceDerived(path.join(folderOf(derivedDirectory), key), [Buffer.from(checksum), body]);
  deriveSync(() => removeOldest(folderOf(derivedDirectory)));
}

function removeOldest(folder: string): void {
  const files = readdirSync(folder).map((name) => path.join(folder, name));
  const dated = files.map((file) => ({ file, modified: statSync(file).mtimeMs }));
  dated.sort((a, b) => b.modified - a.modified);
  for (const { file } of dated.slice(KEPT_VIEWS)) rmSync(file, { force: true });
}
