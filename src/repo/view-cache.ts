import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import type { ForkPoint, LineageEdge } from '../lineage/model.ts';
import { type CommitId, type ManifestId, parseCommitId, parseManifestId } from '../objects/ids.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';
import { METHOD_VERSION } from './forest-cache.ts';
import type { Repository } from './repository.ts';
import type { ViewEntry, ViewOutline, ViewTrajectory } from './view-outline.ts';

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

function commitAt(commits: string, i: number): { readonly commit?: CommitId } {
  const text = commits.slice(i * COMMIT_DIGITS, (i + 1) * COMMIT_DIGITS);
  return text === NO_COMMIT ? {} : { commit: parseCommitId(text) };
}

function decodeFork(
  [place, confidence, within]: readonly [number, number, number | null],
  idAt: (place: number) => ManifestId,
): ForkPoint {
  return { id: idAt(place), confidence, ...(within === null ? {} : { confidenceWithinOne: within }) };
}

function decodeTrajectory(
  { fork, entries, positions, commits, sources, ...facts }: StoredOutline['trajectories'][number],
  members: ViewOutline['members'],
  idAt: (place: number) => ManifestId,
): ViewTrajectory {
  return {
    ...facts,
    ...(fork === null ? {} : { forkedFrom: decodeFork(fork, idAt) }),
    entries: entries.map(
      (place, i): ViewEntry => ({
        id: idAt(place),
        source: sources?.[i] ?? members[place]?.source ?? '',
        position: positions[i] ?? 0,
        ...commitAt(commits, i),
      }),
    ),
  };
}

function decodeOutline({ ids, commits, sources, trajectories, edges }: StoredOutline): ViewOutline {
  const members = sources.map((source, i) => ({
    id: parseManifestId(ids.slice(i * ID_DIGITS, (i + 1) * ID_DIGITS)),
    source,
    ...commitAt(commits, i),
  }));
  const idAt = (place: number): ManifestId => members[place]?.id ?? parseManifestId('');
  return {
    members,
    trajectories: trajectories.map((trajectory) => decodeTrajectory(trajectory, members, idAt)),
    edges: edges.children.map((child, i): LineageEdge => {
      const logPValue = edges.logPValues[i] ?? null;
      return {
        child: idAt(child),
        parent: idAt(edges.parents[i] ?? -1),
        relation: edges.relations[i] ?? '',
        confidence: edges.confidences[i] ?? 0,
        ...(logPValue === null ? {} : { logPValue: Number(logPValue) }),
        weight: edges.weights[i] ?? 0,
      };
    }),
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
