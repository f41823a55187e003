import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Member } from '../lineage/model.ts';
import { updateIndex } from '../neighbors/create-index.ts';
import { createHnswIndex, isHnswMissing } from '../neighbors/hnsw-index.ts';
import { loadNeighborIndex, saveNeighborIndex } from '../neighbors/index-file.ts';
import type { NeighborIndex } from '../neighbors/neighbor-index.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import { groupBy } from '../symmetry/group-by.ts';
import { replaceDerived } from './derived-file.ts';

const KINDS = ['centred', 'invariants'] as const;
export type SketchKind = (typeof KINDS)[number];

/** Indexes by {@link indexKey}. */
export type NeighborIndexes = ReadonlyMap<string, NeighborIndex>;

/** Names the index of one kind of sketch in one space. */
export function indexKey(kind: SketchKind, space: string): string {
  return `${kind}-${space}`;
}

/** The vectors of that kind that say anything, by member. */
export function vectorsOf(members: readonly Member[], kind: SketchKind): ReadonlyMap<string, Float32Array> {
  return new Map(
    members.flatMap(({ id, summary }) => {
      const vector = summary[kind];
      return vector?.some((value) => value !== 0) ? [[String(id), vector] as const] : [];
    }),
  );
}

/**
 * Members of a space below which every sketch is asked, by its bytes first: 27 ms a question at 100,000, and nothing is missed. A graph of 100,000 took
 * 107 s to make and missed a third of the ten nearest of strangers (docs/benchmarks.md): it is for spaces in which exact answers take too long.
 */
const LEAST_MEMBERS = 250_000;
/** Questions from which on a graph pays: reading a saved one takes as long as tens of exact answers, making one as long as five thousand. */
const LEAST_TO_READ = 50;
const LEAST_TO_MAKE = 5000;

/** From which sizes on graphs are used. */
export interface GraphLimits {
  readonly members: number;
  readonly questionsToRead: number;
  readonly questionsToMake: number;
}

const LIMITS: GraphLimits = {
  members: LEAST_MEMBERS,
  questionsToRead: LEAST_TO_READ,
  questionsToMake: LEAST_TO_MAKE,
};

async function openIndex(
  file: string,
  vectors: ReadonlyMap<string, Float32Array>,
  mayMake: boolean,
): Promise<NeighborIndex | undefined> {
  const saved = (await loadNeighborIndex(file, SKETCH_LENGTH))?.index;
  const index = saved ?? (mayMake ? createHnswIndex(SKETCH_LENGTH, vectors.size) : undefined);
  if (index === undefined) return undefined;
  if (updateIndex(index, vectors)) await saveNeighborIndex(file, index, '1').catch(() => undefined);
  return index;
}

/**
 * Opens the approximate indexes of very large spaces, brought up to date: where asking every vector is fast enough, and where hnswlib-node is
 * not installed, there is none, and every vector is asked.
 *
 * @param questions - how often they will be asked.
 */
export async function openNeighborIndexes(
  derivedDirectory: string,
  members: readonly Member[],
  questions: number,
  limits: GraphLimits = LIMITS,
): Promise<NeighborIndexes> {
  const indexes = new Map<string, NeighborIndex>();
  if (questions < limits.questionsToRead) return indexes;
  for (const [space, group] of groupBySpace(members)) {
    if (group.length <= limits.members) continue;
    for (const kind of KINDS) {
      const key = indexKey(kind, space);
      const vectors = vectorsOf(group, kind);
      if (vectors.size === 0) continue;
      const file = path.join(derivedDirectory, 'neighbors', key);
      const index = await openIndex(file, vectors, questions >= limits.questionsToMake);
      if (index !== undefined) indexes.set(key, index);
    }
  }
  return indexes;
}

/** The file whose presence says that the user was told. */
const TOLD = 'graphs-missing';

/**
 * What to tell the user who asks so much that graphs would pay, where they cannot be made: once in a repository, for nothing is wrong with the
 * answers.
 */
export function adviseOnGraphs(
  derivedDirectory: string,
  members: readonly Member[],
  questions: number,
  isMissing: () => boolean = isHnswMissing,
  limits: GraphLimits = LIMITS,
): string | undefined {
  if (questions < limits.questionsToMake || members.length <= limits.members) return undefined;
  const isLarge = [...groupBySpace(members).values()].some((group) => group.length > limits.members);
  if (!isLarge || !isMissing()) return undefined;
  const marker = path.join(derivedDirectory, TOLD);
  if (existsSync(marker)) return undefined;
  replaceDerived(marker, []);
  return 'hnswlib-node is not installed: every stored sketch is compared, which is exact, and slower for many files. "npm install hnswlib-node" makes it fast.';
}

const groupBySpace = (members: readonly Member[]): ReadonlyMap<string, readonly Member[]> =>
  groupBy(members, ({ summary }) => summary.space);
