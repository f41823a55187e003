import { squaredLength, traitsOf } from '../sketch/traits.ts';
import { decodeToFloat32 } from '../tensors/decode.ts';
import type { DType } from '../tensors/dtype.ts';
import { encodeFromFloat32 } from '../tensors/encode.ts';
import type { Weights } from '../tensors/weights.ts';
import { comparedTensors, isSameCheckpoint } from './contents.ts';
import { squaredDistance } from './distances.ts';
import { type ForestMemo, findNearestWith } from './forest-memo.ts';
import type { Archive, Member } from './model.ts';
import type { Copy, Node } from './node.ts';
import { findRelaid } from './relaid-copies.ts';

/** Sketches are kept in single precision: what differs by less is the same (a few units in the last place). */
const SKETCH_RESOLUTION = 4 * 2 ** -24;
/** Nearest checkpoints of which one may be the original of a cast. */
const CAST_CANDIDATES = 4;
const weightTensors = ({ summary }: Member) => comparedTensors(summary);

/** True when lineage can see the checkpoint: it has matrices that are not all constant. */
export function hasSketch({ summary }: Member): boolean {
  return traitsOf(summary).hasSketch;
}

/** What two checkpoints with the same weights agree in, whatever their names, order and container. */
function contentKey({ summary }: Member): string {
  const { filesKey, floatsKey } = traitsOf(summary);
  return floatsKey === '' ? `files ${filesKey}` : floatsKey;
}

/** Folds what has equal content. Members come sorted. */
function foldContent(members: readonly Member[]): readonly Node[] {
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const key = contentKey(member);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [member]);
    else group.push(member);
  }
  return [...groups.values()].flatMap(([original, ...others]) => {
    if (original === undefined) return [];
    return { original, copies: others.map((member) => ({ member, relation: wordFor(member, original) })) };
  });
}

function wordFor(copy: Member, original: Member): Copy['relation'] {
  return isSameCheckpoint(copy.summary, original.summary) ? 'identical' : 'recontained';
}

/** True when the copy's values are the original's, rounded to the copy's types. Names and shapes agree. */
function isRounded(copy: Weights, original: Weights, types: ReadonlyMap<string, DType>): boolean {
  for (const [name, { data }] of copy) {
    const values = original.get(name)?.data;
    const dtype = types.get(name);
    if (values === undefined || dtype === undefined || values.length !== data.length) return false;
    const rounded = decodeToFloat32(dtype, encodeFromFloat32(dtype, values));
    if (!data.every((value, i) => Object.is(value, rounded[i]) || value === rounded[i])) return false;
  }
  return copy.size === original.size;
}

async function findOriginal(node: Node, candidates: readonly Node[], archive: Archive): Promise<Node | undefined> {
  const { summary, id } = node.original;
  const { precision, rounding } = traitsOf(summary);
  const reach = rounding ** 2 * squaredLength(summary.centred);
  const types = new Map(weightTensors(node.original).map(({ name, dtype }) => [name, dtype]));
  for (const candidate of candidates) {
    if (traitsOf(candidate.original.summary).precision <= precision) continue;
    if (squaredDistance(summary.centred, candidate.original.summary.centred) > reach) continue;
    if (isRounded(await archive.weights(id), await archive.weights(candidate.original.id), types)) return candidate;
  }
  return undefined;
}

/** Finds, for nodes of a coarse type, the node that they are casts of; checked on the weights. */
async function findCasts(
  nodes: readonly Node[],
  archive: Archive,
  memo: ForestMemo | undefined,
): Promise<ReadonlyMap<Node, Node>> {
  const casts = new Map<Node, Node>();
  const isCoarse = ({ original }: Node): boolean => traitsOf(original.summary).rounding > 0;
  if (!nodes.some(isCoarse)) return casts;
  const near = findNearestWith(
    memo,
    `casts ${nodes[0]?.original.summary.space}`,
    nodes.map(({ original }) => original.id),
    nodes.map(({ original }) => original.summary.centred),
    CAST_CANDIDATES,
  );
  for (const [i, node] of nodes.entries()) {
    if (!isCoarse(node)) continue;
    const candidates = (near[i] ?? []).flatMap(({ index }) => nodes[index] ?? []);
    const original = await findOriginal(node, candidates, archive);
    if (original !== undefined) casts.set(node, original);
  }
  return casts;
}

/**
 * Other containers may store the axes in another order: their content differs, their sketch does not. Equal sketches are equally long, so only
 * those that follow each other by length are compared.
 */
function findRecontained(nodes: readonly Node[]): ReadonlyMap<Node, Node> {
  const found = new Map<Node, Node>();
  const byLength = nodes.map((node) => ({ node, square: traitsOf(node.original.summary).sketchSquare }));
  byLength.sort((a, b) => a.square - b.square);
  byLength.forEach(({ node, square }, i) => {
    for (let k = i - 1; k >= 0; k--) {
      const other = byLength[k];
      if (other === undefined || square - other.square > 4 * SKETCH_RESOLUTION * square) return;
      if (!isSameSketch(node, other.node, square)) continue;
      found.set(node, other.node);
      return;
    }
  });
  return found;
}

function isSameSketch(a: Node, b: Node, square: number): boolean {
  return squaredDistance(a.original.summary.sketch, b.original.summary.sketch) <= SKETCH_RESOLUTION ** 2 * square;
}

/** The node that is folded last along the way, so that a copy of a copy is one of the original. */
function followTo(node: Node, into: ReadonlyMap<Node, Node>): Node {
  let at = node;
  for (let next = into.get(at); next !== undefined; next = into.get(at)) at = next;
  return at;
}

function foldInto(nodes: readonly Node[], into: ReadonlyMap<Node, Node>, relation: Copy['relation']): readonly Node[] {
  const copies = new Map<Node, Copy[]>(nodes.filter((node) => !into.has(node)).map((node) => [node, [...node.copies]]));
  for (const node of into.keys()) {
    copies.get(followTo(node, into))?.push({ member: node.original, relation }, ...node.copies);
  }
  return Array.from(copies, ([{ original }, folded]) => ({ original, copies: folded }));
}

/**
 * Folds copies of the same weights (equal content, other containers, exact casts) into one node each: unfolded they break the
 * hull (lineage.md, B0).
 *
 * @param members of one space, sorted by id.
 */
export async function foldCopies(
  members: readonly Member[],
  archive: Archive,
  memo?: ForestMemo,
): Promise<readonly Node[]> {
  const unequal = foldContent(members);
  const seen = unequal.filter(({ original }) => hasSketch(original));
  const unseen = unequal.filter(({ original }) => !hasSketch(original));
  const turned = foldInto(seen, findRecontained(seen), 'recontained');
  const distinct = foldInto(turned, await findRelaid(turned, archive), 'recontained');
  const nodes = foldInto(distinct, await findCasts(distinct, archive, memo), 'cast');
  return [...nodes, ...unseen];
}
