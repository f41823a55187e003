import type { ModuleTree } from './module-tree.ts';
import { type Module, parentPath } from './modules.ts';
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
  readonly modules: readonly Module[];
  readonly reading: ReadonlySet<Module>;
  readonly writing: ReadonlySet<Module>;
}

function viewOf(tree: ModuleTree, proposals: readonly Proposal[]): View {
  return {
    modules: [...tree.modules.values()],
    reading: new Set(proposals.map(({ link }) => link.consumer)),
    writing: new Set(proposals.map(({ link }) => link.producer)),
  };
}

function objection(tree: ModuleTree, proposal: Proposal, view: View): string | undefined {
  if (tree.repeated.has(proposal.parent)) return undefined;
  return proposal.rule === 'sequential' ? tapOfChild(proposal, view) : tapOfFamily(proposal, view);
}

function tapOfFamily({ link, parent }: Proposal, view: View): string | undefined {
  const size = link.producer.writes;
  const isTap = (m: Module): boolean => {
    if (view.reading.has(m) || m === link.producer || (m.kind !== 'linear' && m.kind !== 'conv')) return false;
    const isBefore = parentPath(m.path) === parent && m.position <= link.producer.position;
    const reads =
      m.reads === size ||
      (m.kind === 'linear' && link.producer.kind !== 'linear' && m.reads > size && m.reads % size === 0);
    return reads && !isBefore;
  };
  const isSource = (m: Module) =>
    !view.writing.has(m) && ['linear', 'conv', 'embedding'].includes(m.kind) && m.writes === size;
  const tap = view.modules.find(isTap);
  return tap && !view.modules.some(isSource) ? `${tap.path} may read its units` : undefined;
}

/** The outputs of a Sequential's nested children may be taken one by one (feature pyramids): then nobody else may read that size. */
function tapOfChild({ link, parent }: Proposal, view: View): string | undefined {
  const own = (m: Module) => parentPath(m.path) === parent;
  if (own(link.producer) && own(link.consumer)) return undefined;
  const size = link.producer.writes;
  const isTap = (m: Module): boolean => {
    if (view.reading.has(m) || m === link.producer || m.path.startsWith(`${parent}.`)) return false;
    return m.reads === size || (m.kind === 'depthwise' && m.writes === size);
  };
  const tap = view.modules.find(isTap);
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
  const groups = new Map<string, Proposal[]>();
  for (const merge of merges) {
    const key = `${merge.parent}|${merge.link.producer.writes}`;
    groups.set(key, [...(groups.get(key) ?? []), merge]);
  }
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
  const layers = [...tree.modules.values()].filter(
    (m) => parentPath(m.path) === parent && (m.kind === 'linear' || m.kind === 'conv'),
  );
  return layers.find((m) => (m.reads === size && !readers.has(m)) || (m.writes === size && !writers.has(m)));
}
