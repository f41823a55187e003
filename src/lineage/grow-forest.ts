import { normalize } from '../neighbors/normalize.ts';
import { HULL_NEIGHBORS } from './chains.ts';
import { recoverComponent } from './component.ts';
import { readDeclaredProgress } from './declared-order.ts';
import { describeComponent } from './describe-component.ts';
import { createDistances } from './distances.ts';
import { readFeatures } from './features.ts';
import { type Altered, type Answers, askSuspects, confirmNoise, placePruned, type Suspected } from './find-altered.ts';
import { findComponents } from './find-components.ts';
import { joinForests, loneTrajectory } from './forest.ts';
import type { ForestMemo } from './forest-memo.ts';
import type { Archive, Forest, Member } from './model.ts';
import { findNearest } from './nearest.ts';
import type { Node } from './node.ts';
import { placeAltered } from './place-altered.ts';
import { SIDE, suspectAltered } from './suspect-altered.ts';

const originalsOf = (nodes: readonly Node[]): readonly Member[] => nodes.map(({ original }) => original);

/** The forest of nodes that are all related. */
async function growTree(nodes: readonly Node[], archive: Archive): Promise<Forest> {
  if (nodes.length < 2) return joinForests(nodes.map(loneTrajectory));
  const originals = originalsOf(nodes);
  const tree = recoverComponent({
    points: originals.map(({ summary }) => summary.centred),
    features: readFeatures(originals),
    declared: readDeclaredProgress(originals),
  });
  return describeComponent(tree, nodes, archive);
}

/** The forest of what is left of a component: a mixture may have been all that held it together. */
async function growRest(nodes: readonly Node[], archive: Archive): Promise<Forest> {
  const components = await findComponents(originalsOf(nodes), archive);
  const forests: Forest[] = [];
  for (const places of components) {
    forests.push(
      await growTree(
        places.flatMap((place) => nodes[place] ?? []),
        archive,
      ),
    );
  }
  return joinForests(forests);
}

/** Who may be altered, and among whom each is asked. */
function suspect(
  nodes: readonly Node[],
  archive: Archive,
  memo: ForestMemo | undefined,
): Suspected & { readonly suspects: readonly Node[] } {
  const points = nodes.map(({ original }) => original.summary.centred);
  const near = findNearest(points, HULL_NEIGHBORS);
  const alike = findNearest(points.map(normalize), SIDE);
  const { suspects, around } = suspectAltered(originalsOf(nodes), near, alike, createDistances(points));
  const at = (places: readonly number[]) => places.flatMap((place) => nodes[place] ?? []);
  return { suspects: at(suspects), around: (node) => at(around(nodes.indexOf(node))), nodes, archive, memo };
}

/** Branches of one checkpoint: training rarely leaves those, merging and altering do. */
function loneBranches(forest: Forest, nodes: readonly Node[]): readonly Node[] {
  const lone = new Set(
    forest.trajectories.flatMap(({ members }) =>
      members.some(({ position }) => position > 0) ? [] : (members[0]?.id ?? []),
    ),
  );
  return forest.trajectories.length < 2 ? [] : nodes.filter(({ original }) => lone.has(original.id));
}

/** What was found of a component. */
interface Found {
  readonly made: readonly Altered[];
  /** Pruned ones whose originals are not stored. */
  readonly pruned: readonly Node[];
  readonly rest: readonly Node[];
  /** Of the rest. */
  readonly forest: Forest;
}

async function setApart(nodes: readonly Node[], { made, pruned }: Answers, archive: Archive): Promise<Found> {
  const apart = new Set(made.map(({ node }) => node));
  const altered = few(
    pruned.filter((node) => !apart.has(node)),
    nodes,
  );
  const rest = nodes.filter((node) => !apart.has(node) && !altered.includes(node));
  const forest = rest.length === nodes.length ? await growTree(nodes, archive) : await growRest(rest, archive);
  return { made, pruned: altered, rest, forest };
}

/** Where most of a run is pruned, that is how it was trained. */
function few(pruned: readonly Node[], nodes: readonly Node[]): readonly Node[] {
  return 2 * pruned.length < nodes.length - pruned.length ? pruned : [];
}

/** Asks the branches of one checkpoint as well, and of noisy copies once more when the run is known. */
async function askAgain(first: Found, asked: readonly Node[], suspected: Suspected): Promise<Found> {
  const { nodes, archive } = suspected;
  const lone = loneBranches(first.forest, first.rest).filter((node) => !asked.includes(node));
  const more = lone.length === 0 ? { made: [], pruned: [] } : await askSuspects(lone, suspected);
  const second =
    more.made.length === 0
      ? first
      : await setApart(nodes, { made: [...first.made, ...more.made], pruned: first.pruned }, archive);
  const made = await confirmNoise(second.made, nodes, second.forest, archive);
  return made.length === second.made.length ? second : setApart(nodes, { made, pruned: second.pruned }, archive);
}

/**
 * Grows the forest of a component whose checkpoints may be altered copies of others in it: those are no steps of a trajectory. What looks like one is
 * asked what it was made from; what the weights show to be one is left out, and then put beside its original.
 *
 * @param memo what earlier recoveries have found out about suspects.
 */
export async function growForest(nodes: readonly Node[], archive: Archive, memo?: ForestMemo): Promise<Forest> {
  const { suspects, ...suspected } = suspect(nodes, archive, memo);
  const first = await setApart(nodes, await askSuspects(suspects, suspected), archive);
  const { made, pruned, rest, forest } = await askAgain(first, suspects, suspected);
  return placeAltered(forest, [...made, ...(await placePruned(pruned, rest, forest, archive))]);
}
