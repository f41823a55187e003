import path from 'node:path';
import type { Member } from '../lineage/model.ts';
import { EXACT_LIMIT, updateIndex } from '../neighbors/create-index.ts';
import { createHnswIndex } from '../neighbors/hnsw-index.ts';
import { loadNeighborIndex, saveNeighborIndex } from '../neighbors/index-file.ts';
import type { NeighborIndex } from '../neighbors/neighbor-index.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';

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

async function openIndex(file: string, vectors: ReadonlyMap<string, Float32Array>): Promise<NeighborIndex | undefined> {
  const saved = (await loadNeighborIndex(file, SKETCH_LENGTH))?.index;
  const index = saved ?? createHnswIndex(SKETCH_LENGTH, vectors.size);
  if (index === undefined) return undefined;
  if (updateIndex(index, vectors)) await saveNeighborIndex(file, index, '1').catch(() => undefined);
  return index;
}

/**
 * Opens the approximate indexes of large spaces, brought up to date: where asking every vector is fast, and where hnswlib-node is
 * not installed, there is none, and the exact index answers.
 *
 * @param limit - members from which on a graph is worth its file.
 */
export async function openNeighborIndexes(
  derivedDirectory: string,
  members: readonly Member[],
  limit: number = EXACT_LIMIT,
): Promise<NeighborIndexes> {
  const bySpace = new Map<string, Member[]>();
  for (const member of members) {
    const space = bySpace.get(member.summary.space);
    if (space === undefined) bySpace.set(member.summary.space, [member]);
    else space.push(member);
  }
  const indexes = new Map<string, NeighborIndex>();
  for (const [space, group] of bySpace) {
    if (group.length <= limit) continue;
    for (const kind of KINDS) {
      const key = indexKey(kind, space);
      const vectors = vectorsOf(group, kind);
      const index = await openIndex(path.join(derivedDirectory, 'neighbors', key), vectors);
      if (index !== undefined && vectors.size > 0) indexes.set(key, index);
    }
  }
  return indexes;
}
