import { bringInto } from '../diff/bring-into.ts';
import { matchTensors } from '../diff/match-tensors.ts';
import { pairedNames } from '../diff/tensor-pair.ts';
import type { Weights } from '../tensors/weights.ts';
import { squaredDistance } from './distances.ts';
import { namedTensors } from './frame.ts';
import type { Archive, Member } from './model.ts';
import type { Node } from './node.ts';

/** Norm and kurtosis are the same sums in another order: so far they agree in double precision, whatever the order. */
const SAME_SUM = 1e-9;

const isSame = (a: number, b: number): boolean => Math.abs(a - b) <= SAME_SUM * Math.abs(a);

/**
 * Finds copies whose elements stand in an order that no turning of axes undoes: a dense layer behind a flattened map, the gates of a recurrent
 * layer. Their sketches differ; the norm and the kurtosis of their matrices do not. What agrees in both is compared value by value. All are
 * copies of the one whose layout its neighbours share: the others would stand far from their own run.
 *
 * @param nodes of one space
 */
export async function findRelaid(nodes: readonly Node[], archive: Archive): Promise<ReadonlyMap<Node, Node>> {
  const found = new Map<Node, Node>();
  for (const group of await groupRelaid(nodes, archive)) {
    const rest = nodes.filter((node) => !group.includes(node));
    const reach = new Map(group.map((node) => [node, distanceToNearest(node, rest)]));
    const original = group.reduce((a, b) => ((reach.get(b) ?? 0) < (reach.get(a) ?? 0) ? b : a));
    for (const node of group) if (node !== original) found.set(node, original);
  }
  return found;
}

function distanceToNearest({ original }: Node, others: readonly Node[]): number {
  const distances = others.map((other) => squaredDistance(original.summary.centred, other.original.summary.centred));
  return distances.reduce((least, d) => Math.min(least, d), Number.POSITIVE_INFINITY);
}

/** Groups of two or more nodes with the same weights, in whatever layout. */
async function groupRelaid(nodes: readonly Node[], archive: Archive): Promise<readonly (readonly Node[])[]> {
  const groups: Node[][] = [];
  const byNorm = [...nodes].sort((a, b) => a.original.summary.norm - b.original.summary.norm);
  for (const node of byNorm) {
    const { norm } = node.original.summary;
    let home: Node[] | undefined;
    for (let k = groups.length - 1; k >= 0 && home === undefined; k--) {
      const [first] = groups[k] ?? [];
      if (first === undefined || !isSame(norm, first.original.summary.norm)) break;
      if (await isRelaid(node.original, first.original, archive)) home = groups[k];
    }
    if (home) home.push(node);
    else groups.push([node]);
  }
  return groups.filter((group) => group.length > 1);
}

async function isRelaid(a: Member, b: Member, archive: Archive): Promise<boolean> {
  if (!isSame(a.summary.kurtosis, b.summary.kurtosis)) return false;
  const [own, other] = [await archive.weights(a.id), await archive.weights(b.id)];
  const matching = matchTensors(
    { tensors: namedTensors(a.summary, own), weights: own },
    { tensors: namedTensors(b.summary, other), weights: other },
  );
  if (pairedNames(matching.pairs).length !== own.size || matching.onlyCandidate.length > 0) return false;
  return areEqual(own, bringInto(matching.pairs, other));
}

function areEqual(a: Weights, b: Weights): boolean {
  for (const [name, { data }] of a) {
    const values = b.get(name)?.data;
    if (values === undefined || !data.every((x, i) => Object.is(x, values[i]) || x === values[i])) return false;
  }
  return true;
}
