import { groupBy } from '../group-by.ts';
import type { ModuleTree } from './module-tree.ts';
import { joinPath, type Module, parentPath } from './modules.ts';
import type { Proposal } from './proposal.ts';
import type { SpaceBuilder } from './space-builder.ts';

/** Which sides of which modules are in a space already. */
export interface Placed {
  readonly inputs: Set<string>;
  readonly outputs: Set<string>;
}

/**
 * Joins the proposals that the rest of the file does not speak against. A parent that stands alone in the file may have a forward of its own: if a
 * module without a place reads the size of a space and none without a place writes it, the space may be tapped.
 */
export function acceptProposals(
  tree: ModuleTree,
  proposals: readonly Proposal[],
  builder: SpaceBuilder,
  placed: Placed,
): void {
  const view = viewOf(tree, proposals);
  const accepted = proposals.filter((proposal) => {
    const reason = objection(tree, proposal, view);
    if (reason !== undefined) builder.refuse(proposal.link.producer.path, reason);
    return reason === undefined;
  });
  for (const proposal of accepted.filter((p) => !p.isMerge)) joinLink(proposal, builder, placed);
  mergeFamilies(
    tree,
    accepted.filter((p) => p.isMerge),
    builder,
    placed,
  );
}

interface View {
  /** Modules without a place for what they read, in order, by that size. */
  readonly readers: ReadonlyMap<number, readonly Module[]>;
  /** The depthwise ones among them, by what they write. */
  readonly depthwise: ReadonlyMap<number, readonly Module[]>;
  /** Sizes that a layer without a place for it writes. */
  readonly sources: ReadonlySet<number>;
}

function viewOf(tree: ModuleTree, proposals: readonly Proposal[]): View {
  const modules = [...tree.modules.values()];
  const reading = new Set(proposals.map(({ link }) => link.consumer));
  const writing = new Set(proposals.map(({ link }) => link.producer));
  const open = modules.filter((m) => !reading.has(m));
  const sources = modules.filter((m) => !writing.has(m) && ['linear', 'conv', 'embedding'].includes(m.kind));
  return {
    readers: groupBy(open, (m) => m.reads),
    depthwise: groupBy(
      open.filter((m) => m.kind === 'depthwise'),
      (m) => m.writes,
    ),
    sources: new Set(sources.map((m) => m.writes)),
  };
}

/** The first in the file of what is found in several lists. */
function findFirst(
  lists: readonly (readonly Module[] | undefined)[],
  isWanted: (module: Module) => boolean,
): Module | undefined {
  const found = lists.flatMap((list) => list?.find(isWanted) ?? []);
  return found.sort((a, b) => a.position - b.position)[0];
}

function objection(tree: ModuleTree, proposal: Proposal, view: View): string | undefined {
  if (tree.repeated.has(proposal.parent)) return undefined;
  return proposal.rule === 'sequential' ? tapOfChild(proposal, view) : tapOfFamily(proposal, view);
}

function tapOfFamily({ link, parent }: Proposal, { readers, sources }: View): string | undefined {
  const { writes: size, kind, position } = link.producer;
  if (sources.has(size)) return undefined;
  const mayTap = (m: Module): boolean => {
    const isBefore = parentPath(m.path) === parent && m.position <= position;
    return m !== link.producer && !isBefore;
  };
  const flattened = kind === 'linear' ? [] : [...readers.keys()].filter((reads) => reads > size && reads % size === 0);
  const tap = findFirst([readers.get(size)], (m) => (m.kind === 'linear' || m.kind === 'conv') && mayTap(m));
  const wide = findFirst(
    flattened.map((reads) => readers.get(reads)),
    (m) => m.kind === 'linear' && mayTap(m),
  );
  const first = wide && (!tap || wide.position < tap.position) ? wide : tap;
  return first ? `${first.path} may read its units` : undefined;
}

/** The outputs of a Sequential's nested children may be taken one by one (feature pyramids): then nobody else may read that size. */
function tapOfChild({ link, parent }: Proposal, view: View): string | undefined {
  const own = (m: Module) => parentPath(m.path) === parent;
  if (own(link.producer) && own(link.consumer)) return undefined;
  const size = link.producer.writes;
  const tap = findFirst(
    [view.readers.get(size), view.depthwise.get(size)],
    (m) => m !== link.producer && !m.path.startsWith(`${parent}.`),
  );
  return tap ? `${tap.path} may read its units` : undefined;
}

function joinLink({ link, isGated }: Proposal, builder: SpaceBuilder, placed: Placed): void {
  const [into] = link.consumer.inAxes;
  if (!into) return;
  // Scaling takes the first axis for what comes in: a matrix kept as (in, out) has it the other way round.
  const isUsual = link.axes[0]?.axis === 0 && into.axis === 1;
  const isFree = !isGated && link.passed.every((m) => m.kind === 'linear') && link.producer.kind !== 'depthwise';
  const isGrey = link.producer.kind === 'depthwise' && link.passed.length === 0;
  const splits =
    link.fold > 1 ? new Map([[into, { outer: 1, size: link.producer.writes, inner: link.fold }]]) : undefined;
  const joined = { axes: [...link.axes, into], isRescalable: isUsual && (isFree || isGrey) };
  builder.join(splits ? { ...joined, splits } : joined);
  placed.inputs.add(link.consumer.path);
  for (const module of [link.producer, ...link.passed]) placed.outputs.add(module.path);
}

/**
 * A family with square members may have skip connections. If every space of that size becomes one, a plain chain and a residual one have the same
 * graph, unless a boundary of the family has that size too.
 */
function mergeFamilies(tree: ModuleTree, merges: readonly Proposal[], builder: SpaceBuilder, placed: Placed): void {
  const groups = groupBy(merges, (merge) => `${merge.parent}|${merge.link.producer.writes}`);
  for (const group of groups.values()) {
    const boundary = boundaryOf(tree, group);
    if (boundary) {
      for (const { link } of group) builder.refuse(link.producer.path, `${boundary.path} has that size at a boundary`);
      continue;
    }
    for (const proposal of group) joinLink(proposal, builder, placed);
    const firsts = group.flatMap(({ link }) => link.axes.slice(0, 1));
    const isPlain = group.every(({ link }) => link.passed.length === 0);
    builder.join({ axes: firsts, isRescalable: isPlain });
  }
}

function boundaryOf(tree: ModuleTree, group: readonly Proposal[]): Module | undefined {
  const size = group[0]?.link.producer.writes;
  const parent = group[0]?.parent ?? '';
  const readers = new Set(group.map(({ link }) => link.consumer));
  const writers = new Set(group.map(({ link }) => link.producer));
  const names = (tree.children.get(parent) ?? []).map((child) => joinPath(parent, child));
  // Tensors at the root make a module of their own there.
  const children = [...(parent === '' ? [''] : []), ...names].flatMap((path) => tree.modules.get(path) ?? []);
  const layers = children
    .filter((m) => m.kind === 'linear' || m.kind === 'conv')
    .sort((a, b) => a.position - b.position);
  return layers.find((m) => (m.reads === size && !readers.has(m)) || (m.writes === size && !writers.has(m)));
}
