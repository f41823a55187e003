import type { AxisGraph } from '../axis-graph.ts';
import { acceptProposals, type Placed } from './accept.ts';
import { joinFeaturesToClassifier, joinStableBaselines } from './known-models.ts';
import { moduleTree, type NamedShape } from './module-tree.ts';
import { proposeNumbered } from './numbered.ts';
import { joinRecurrent } from './recurrent.ts';
import { joinResNet } from './resnet.ts';
import { proposeRolePairs } from './role-pairs.ts';
import { proposeSequentials } from './sequential.ts';
import { createSpaceBuilder } from './space-builder.ts';
import { joinStream } from './stream.ts';

/**
 * Infers the axis graph from names, shapes and order alone (docs/lineage.md, section 2). A rule places only what leaves no doubt; everything else stays
 * unplaced, which costs the kinship test power and nothing else. Placing an anchored axis would make strangers look related.
 */
export function inferFromNames(tensors: readonly NamedShape[]): AxisGraph {
  const tree = moduleTree(tensors);
  const builder = createSpaceBuilder('names');
  const placed: Placed = { inputs: new Set(), outputs: new Set() };
  const refuse = builder.refuse;
  const roles = proposeRolePairs(tree, refuse);
  const taken = new Set(roles.flatMap(({ link }) => [link.producer, ...link.passed, link.consumer].map((m) => m.path)));
  const proposals = [...proposeSequentials(tree, refuse), ...roles, ...proposeNumbered(tree, taken, refuse)];
  acceptProposals(tree, proposals, builder, placed);
  joinFeaturesToClassifier(tree, builder, placed);
  joinStableBaselines(tree, builder, placed);
  joinRecurrent(tree, builder, placed);
  joinStream(tree, builder, placed);
  joinResNet(tree, builder);
  return builder.build(tensors);
}
