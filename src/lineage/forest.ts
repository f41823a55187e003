import type { Forest, LineageEdge } from './model.ts';
import type { Copy, Node } from './node.ts';

export const emptyForest: Forest = { trajectories: [], edges: [] };

export function joinForests(forests: readonly Forest[]): Forest {
  return {
    trajectories: forests.flatMap(({ trajectories }) => trajectories),
    edges: forests.flatMap(({ edges }) => edges),
  };
}

/** The places of a node's checkpoints: copies share that of their original. */
export function membersAt(node: Node, position: number) {
  return [node.original, ...node.copies.map(({ member }) => member)].map(({ id }) => ({ id, position }));
}

/** The edges of copies to what they are copies of. */
export function copyEdges({ original, copies }: Node): readonly LineageEdge[] {
  const toEdge = ({ member, relation }: Copy): LineageEdge => {
    return { child: member.id, parent: original.id, relation, confidence: 1, weight: 1 };
  };
  return copies.map(toEdge);
}

/** A checkpoint without kin: a trajectory by itself. */
export function loneTrajectory(node: Node): Forest {
  return {
    trajectories: [{ members: membersAt(node, 0), isOrdered: true, orderConfidence: 1, direction: 'unknown' }],
    edges: copyEdges(node),
  };
}
