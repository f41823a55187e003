import { type AxisUnits, cutToCommon } from '../diff/axis-units.ts';
import { findResized, type ResizedPair, type Resizing } from '../diff/find-resized.ts';
import { matchTensors, type TensorPair } from '../diff/match-tensors.ts';
import type { ManifestId } from '../objects/ids.ts';
import { spreadsOf } from '../sketch/spreads.ts';
import type { Summary } from '../sketch/summary.ts';
import type { Weights } from '../tensors/weights.ts';
import { candidateLimit, foreignCandidates } from './candidates.ts';
import { namedTensors } from './frame.ts';
import type { Archive, Member, Query } from './model.ts';
import { statisticDistance } from './nearest-spread.ts';
import { sampleEach } from './sample-rows.ts';

/** A query and the stored checkpoints of one space, both cut to the units that they have in common. */
export interface ResizedCase {
  readonly query: Query;
  readonly archive: Archive;
  /** Those of the space that are most like the query. */
  readonly ids: readonly ManifestId[];
  /** The one whose units were compared with the query's. */
  readonly compared: ManifestId;
  readonly pairs: readonly ResizedPair[];
  /** Tensors that lost or gained as many rows as others did units, of which too few rows were read to tell which: they are not compared. */
  readonly unread: readonly TensorPair[];
}

/** Checkpoints whose units are compared with the query's. */
const ASKED = 3;
/** Share of the matrices of the smaller of two checkpoints that must have a partner of the same name. */
const LEAST_NAMED = 0.5;

/** Looks for stored checkpoints of other shapes that have units in common with the query, and cuts both to those: cut networks are compared like any others. */
export async function openResized(query: Query, archive: Archive): Promise<ResizedCase | undefined> {
  const likely = resizedCandidates(query.summary, archive);
  for (const id of likely.slice(0, ASKED)) {
    const { resizing, unread } = await compareUnits(query, archive, id);
    if (resizing.pairs.length > 0) return cutBoth(query, archive, id, resizing, unread);
  }
  return undefined;
}

interface Compared {
  readonly resizing: Resizing;
  readonly unread: readonly TensorPair[];
}

async function compareUnits(query: Query, archive: Archive, id: ManifestId): Promise<Compared> {
  const [own, stored] = [await query.weights(), await archive.weights(id)];
  const { summary } = archive.member(id);
  const matching = matchTensors(
    { tensors: namedTensors(query.summary, own), weights: own },
    { tensors: namedTensors(summary, stored), weights: stored },
  );
  const unpaired = { query: matching.onlyQuery, candidate: matching.onlyCandidate };
  const resizing = findResized(matching.reshaped, unpaired, own, stored);
  const rows = { query: rowsOf(query.summary, own), candidate: rowsOf(summary, stored) };
  const found = new Set(resizing.pairs.map((pair) => pair.query));
  const open = matching.reshaped.filter((pair) => !found.has(pair.query));
  return {
    resizing,
    unread: open.filter((pair) => isUnread(rows.query(pair.query), rows.candidate(pair.candidate), resizing)),
  };
}

/** Rows of a tensor, and how many of them were read. */
interface Rows {
  readonly all: number;
  readonly read: number;
}

function rowsOf({ tensors }: Summary, weights: Weights): (name: string) => Rows {
  const all = new Map(tensors.map(({ name, shape }) => [name, shape[0] ?? 0]));
  return (name) => ({ all: all.get(name) ?? 0, read: weights.get(name)?.shape[0] ?? 0 });
}

/** Of large checkpoints every k-th row is read: which rows are gone then only shows in what has the same units as columns. */
function isUnread(own: Rows, other: Rows, { pairs }: Resizing): boolean {
  const [most, least] = [Math.max(own.all, other.all), Math.min(own.all, other.all)];
  const isFound = pairs.some(({ axes }) => axes.some(({ size, kept }) => size === most && kept.length === least));
  return isFound && own.read < own.all && other.read < other.all;
}

function cutBoth(
  query: Query,
  archive: Archive,
  id: ManifestId,
  { pairs, logChoices }: Resizing,
  unread: readonly TensorPair[],
): ResizedCase {
  const { space } = archive.member(id).summary;
  const own = new Map(pairs.map((pair) => [pair.query, pair.axes]));
  const others = new Map(pairs.map((pair) => [pair.candidate, pair.axes]));
  const unreadOwn = new Set(unread.map((pair) => pair.query));
  const unreadOthers = new Set(unread.map(({ candidate }) => candidate));
  const members = archive.members.filter(({ summary }) => summary.space === space);
  const nearest = byLikeness(query.summary, members).slice(0, candidateLimit(query.summary));
  const weights = async (one: ManifestId) =>
    cutAll(without(await archive.weights(one), unreadOthers), 'candidate', others);
  return {
    compared: id,
    pairs,
    unread,
    ids: [...new Set([id, ...nearest.map((member) => member.id)])],
    query: {
      ...query,
      weights: async () => cutAll(without(await query.weights(), unreadOwn), 'query', own),
      logChoices: logChoices + Math.log(ASKED),
    },
    archive: {
      ...archive,
      members,
      weights,
      samples: (ids) => sampleEach(ids, weights),
      neighbors: () => [],
    },
  };
}

function without(weights: Weights, names: ReadonlySet<string>): Weights {
  return names.size === 0 ? weights : new Map([...weights].filter(([name]) => !names.has(name)));
}

function cutAll(
  weights: Weights,
  side: 'query' | 'candidate',
  axes: ReadonlyMap<string, readonly AxisUnits[]>,
): Weights {
  const fits = (shape: readonly number[], units: readonly AxisUnits[]) =>
    units.every(({ axis, larger, size, kept }) => shape[axis] === (larger === side ? size : kept.length));
  return new Map(
    [...weights].map(([name, tensor]) => {
      const units = axes.get(name);
      return [name, units && fits(tensor.shape, units) ? cutToCommon(tensor, side, units) : tensor];
    }),
  );
}

/** Members of other spaces that have the query's matrices by name, or most of its shapes; those with the most similar statistics first. */
function resizedCandidates(summary: Summary, archive: Archive): readonly ManifestId[] {
  const own = matrixNames(summary);
  const isNamed = new Map<string, boolean>();
  const named = archive.members.filter((member) => {
    const { space } = member.summary;
    if (space === summary.space) return false;
    const known = isNamed.get(space) ?? sharesNames(own, matrixNames(member.summary));
    isNamed.set(space, known);
    return known;
  });
  const ids = [...byLikeness(summary, named).map(({ id }) => id), ...foreignCandidates(summary, archive)];
  return bestOfRuns(archive, ids);
}

function bestOfRuns(archive: Archive, ids: readonly ManifestId[]): readonly ManifestId[] {
  const runs = new Map<string, ManifestId>();
  for (const id of ids) {
    const run = archive.member(id).trajectory ?? id;
    if (!runs.has(run)) runs.set(run, id);
  }
  return [...runs.values()];
}

function matrixNames({ tensors }: Summary): ReadonlySet<string> {
  return new Set(tensors.flatMap(({ name, role, shape }) => (role === 'weight' && shape.length > 1 ? [name] : [])));
}

function sharesNames(own: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  const common = [...own].filter((name) => others.has(name)).length;
  return common > 0 && common >= LEAST_NAMED * Math.min(own.size, others.size);
}

/** Sorted by how alike the statistics of their tensors are, in the order of the file. */
function byLikeness(summary: Summary, members: readonly Member[]): readonly Member[] {
  const own = spreadsOf(summary);
  const scored = members.map((member) => {
    const others = spreadsOf(member.summary);
    const distance = own.reduce((sum, spread, i) => {
      const other = others[i];
      return sum + (other ? statisticDistance(spread, other) : 1);
    }, 0);
    return { member, distance: own.length === others.length ? distance : Number.POSITIVE_INFINITY };
  });
  return scored.sort((a, b) => a.distance - b.distance).map(({ member }) => member);
}
