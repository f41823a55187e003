import type { Weights } from '../../src/tensors/weights.ts';
import type { TrueMember } from './members.ts';

/** All weights in one vector. */
export function flatten(weights: Weights): Float32Array {
  const parts = [...weights.values()].map(({ data }) => data);
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    sum += d * d;
  }
  return sum;
}

/** Single linkage cut into a given number of clusters: the shortest edges of the minimum spanning tree (Prim). Returns labels. */
export function singleLinkage(vectors: readonly Float32Array[], clusters: number): readonly number[] {
  const edges = spanningTree(vectors).toSorted((a, b) => a.squared - b.squared);
  const labels = vectors.map((_, i) => i);
  for (const { from, to } of edges.slice(0, vectors.length - clusters)) {
    const [keep, drop] = [labels[from], labels[to]];
    labels.forEach((label, i) => {
      if (label === drop) labels[i] = keep ?? 0;
    });
  }
  return labels;
}

interface Edge {
  readonly from: number;
  readonly to: number;
  readonly squared: number;
}

function spanningTree(vectors: readonly Float32Array[]): readonly Edge[] {
  const nearest = vectors.map((): Edge => ({ from: 0, to: 0, squared: Number.POSITIVE_INFINITY }));
  const isIn = vectors.map((_, i) => i === 0);
  const edges: Edge[] = [];
  for (let last = 0; edges.length < vectors.length - 1; ) {
    let best: Edge | undefined;
    for (const [i, vector] of vectors.entries()) {
      if (isIn[i]) continue;
      const squared = squaredDistance(vector, vectors[last] ?? vector);
      if (squared < (nearest[i]?.squared ?? 0)) nearest[i] = { from: last, to: i, squared };
      if (best === undefined || (nearest[i]?.squared ?? 0) < best.squared) best = nearest[i];
    }
    if (best === undefined) break;
    edges.push(best);
    last = best.to;
    isIn[last] = true;
  }
  return edges;
}

export interface StoredVector {
  readonly member: TrueMember;
  readonly vector: Float32Array;
}

export function toVectors(members: readonly TrueMember[]): readonly StoredVector[] {
  return members.map((member) => ({ member, vector: flatten(member.entry.weights) }));
}

function cosineDistance(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] ?? 0, b[i] ?? 0];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return 1 - ab / Math.sqrt(aa * bb);
}

/** The stored checkpoint nearest to a query over the raw weights; none when the sizes differ. */
export function nearestStored(
  query: Weights,
  stored: readonly StoredVector[],
  measure: 'distance' | 'cosine',
): TrueMember | undefined {
  const vector = flatten(query);
  const distance = measure === 'distance' ? squaredDistance : cosineDistance;
  let best: { readonly member: TrueMember; readonly value: number } | undefined;
  for (const candidate of stored) {
    if (candidate.vector.length !== vector.length) continue;
    const value = distance(vector, candidate.vector);
    if (best === undefined || value < best.value) best = { member: candidate.member, value };
  }
  return best?.member;
}

/** Share of the way from a to b at which the projection of a query on the segment lies. */
export function projectOnSegment(query: Weights, a: Weights, b: Weights): number {
  const [q, from, to] = [flatten(query), flatten(a), flatten(b)];
  let [along, length] = [0, 0];
  for (let i = 0; i < q.length; i++) {
    const step = (to[i] ?? 0) - (from[i] ?? 0);
    along += ((q[i] ?? 0) - (from[i] ?? 0)) * step;
    length += step * step;
  }
  return along / length;
}
