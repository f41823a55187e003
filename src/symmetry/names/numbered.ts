import { chainModules, type Link } from './chain.ts';
import { type Family, familiesOf, isConsecutive } from './families.ts';
import { isNumbered, leafChild, type ModuleTree, modulesUnder } from './module-tree.ts';
import { isWeighted, type Module, parentPath } from './modules.ts';
import { pairNorms } from './pair-norms.ts';
import { PARALLEL_NAME, type Proposal, type Refuse } from './proposal.ts';

const BESIDE_THE_CHAIN = /(downsample|shortcut|skip)/;

/** Rule R2: numbered siblings run in the order of their numbers, and a family of convolutions runs into the only linear family. */
export function proposeNumbered(tree: ModuleTree, taken: ReadonlySet<string>, refuse: Refuse): Proposal[] {
  const paths = [...tree.children.keys()].filter((path) => !isNumbered(tree, path));
  return paths.flatMap((path) => {
    const leaves = (tree.children.get(path) ?? []).flatMap((child) => leafChild(tree, path, child) ?? []);
    const families = familiesOf(leaves.filter(isWeighted));
    const untaken = familiesOf(leaves.filter((m) => isWeighted(m) && !taken.has(m.path)));
    const norms = familiesOf(leaves.filter((m) => m.kind === 'norm'));
    const inside = untaken.flatMap((family) => proposeFamily(tree, path, family, norms, refuse));
    return [...inside, ...proposeConvToLinear(tree, path, leaves, families, norms)];
  });
}

function proposeFamily(
  tree: ModuleTree,
  path: string,
  family: Family,
  norms: readonly Family[],
  refuse: Refuse,
): Proposal[] {
  if (family.members.length < 2) return [];
  const refused = (reason: string): Proposal[] => {
    for (const { module } of family.members) refuse(module.path, reason);
    return [];
  };
  if (!isConsecutive(family)) return refused('the numbers of its family are not consecutive');
  if (PARALLEL_NAME.test(family.stem)) return refused('its name speaks of modules side by side');
  const paired = pairNorms(tree, path, family, norms);
  if (typeof paired === 'string') return refused(paired);
  const links = chainModules(tree, paired.sequence);
  if (looksConcatenated(family, links)) return refused('its chain breaks where sizes look like a concatenation');
  const object = objectTo(tree, path, family, links, paired.sequence);
  return links.flatMap((link) => {
    const reason = object(link.producer.writes);
    if (reason !== undefined) {
      refuse(link.producer.path, reason);
      return [];
    }
    const isSquare = link.producer.writes === link.consumer.writes || link.producer.writes === link.producer.reads;
    const isMerge = isSquare && (!tree.repeated.has(path) || paired.order === 'none');
    return [{ rule: 'numbered', parent: path, link, isMerge, isGated: false }];
  });
}

function looksConcatenated(family: Family, links: readonly Link[]): boolean {
  const consumers = new Set(links.map((link) => link.consumer));
  const outs = new Set(family.members.map(({ module }) => module.writes));
  const broken = family.members.slice(1).filter(({ module }) => module.kind !== 'depthwise' && !consumers.has(module));
  return broken.some(({ module }) =>
    [...outs].some((out) => {
      return out > 1 && module.reads > out && (outs.has(module.reads - out) || module.reads % out === 0);
    }),
  );
}

/** What speaks against links whose units are that many; found out once for each size. */
function objectTo(
  tree: ModuleTree,
  path: string,
  family: Family,
  links: readonly Link[],
  sequence: readonly Module[],
): (size: number) => string | undefined {
  const own = new Set(sequence);
  const rest = modulesUnder(tree, path).filter((m) => !own.has(m) && !BESIDE_THE_CHAIN.test(m.path.slice(path.length)));
  const producers = new Set(links.map((l) => l.producer));
  const find = (size: number): string | undefined => {
    const rival = family.members.find(({ module }) => module.writes === size && !producers.has(module));
    return rival ? `${rival.module.path} writes units of that size too` : findTouching(tree, path, rest, size);
  };
  const found = new Map<number, string | undefined>();
  return (size) => {
    if (!found.has(size)) found.set(size, find(size));
    return found.get(size);
  };
}

function findTouching(tree: ModuleTree, path: string, rest: readonly Module[], size: number): string | undefined {
  const touching = rest.filter((m) => m.kind !== 'embedding' && touches(m, size));
  const isHarmless = (m: Module) => isWeighted(m) && parentPath(m.path) !== path && m.kind !== 'depthwise';
  if (touching.length > 0 && !(tree.repeated.has(path) && touching.every(isHarmless))) {
    return `${touching[0]?.path ?? 'another module'} may touch its units`;
  }
  return undefined;
}

/** Whether a module reads, writes or, if it cannot be told, holds that size. */
export function touches(module: Module, size: number): boolean {
  if (module.reads === size || module.writes === size) return true;
  const isUntold = ['other', 'ambiguous', 'recurrent', 'attention'].includes(module.kind);
  return isUntold && [...module.tensors.values()].some((shape) => shape.includes(size));
}

/** The last convolution of the only family runs, flattened or pooled, into the first linear layer, if the parent holds nothing else. */
function proposeConvToLinear(
  tree: ModuleTree,
  path: string,
  leaves: readonly Module[],
  families: readonly Family[],
  norms: readonly Family[],
): Proposal[] {
  const convs = families.filter((f) => f.members.every(({ module }) => module.kind !== 'linear'));
  const [family] = convs;
  const first = firstLinear(leaves, families);
  const last = family?.members.at(-1);
  if (convs.length !== 1 || !family || !last || !first || !isConsecutive(family) || tree.repeated.has(path)) return [];
  const own = new Set(family.members.map(({ module }) => module));
  const normed = new Set(norms.flatMap((f) => f.members.map(({ module }) => module)));
  const strangers = modulesUnder(tree, path).filter((m) => !own.has(m) && !normed.has(m) && m.kind !== 'linear');
  const isUnique = [...own].filter((m) => m.writes === last.module.writes).length === 1;
  const sequence = lastWithNorm(tree, path, family, norms);
  if (
    strangers.length > 0 ||
    modulesUnder(tree, path).some((m) => parentPath(m.path) !== path) ||
    !isUnique ||
    !sequence
  )
    return [];
  return chainModules(tree, [...sequence, first])
    .filter((link) => link.consumer === first)
    .map((link) => ({ rule: 'numbered', parent: path, link, isMerge: false, isGated: false }));
}

function firstLinear(leaves: readonly Module[], families: readonly Family[]): Module | undefined {
  const linear = leaves.filter((m) => m.kind === 'linear');
  if (linear.length === 1) return linear[0];
  const family = families.find((f) => f.members.every(({ module }) => module.kind === 'linear'));
  return family && family.members.length === linear.length && isConsecutive(family)
    ? family.members[0]?.module
    : undefined;
}

function lastWithNorm(tree: ModuleTree, path: string, family: Family, norms: readonly Family[]): Module[] | undefined {
  if (family.members.length === 1 && norms.length === 0) return family.members.map(({ module }) => module);
  const paired = pairNorms(
    tree,
    path,
    family,
    norms.filter((f) => f.members.every(({ number }) => family.members.some((m) => m.number === number))),
  );
  if (typeof paired === 'string') return undefined;
  const last = family.members.at(-1)?.module;
  return last && paired.sequence.slice(paired.sequence.indexOf(last));
}
