import type { ManifestId } from '../objects/ids.ts';
import { groupBy } from '../symmetry/group-by.ts';
import type { Weights } from '../tensors/weights.ts';
import type { Case, Ranked } from './case.ts';
import { compareOn } from './comparison.ts';
import { holdersOf } from './contents.ts';
import { changedTensors, logChanceOfCopy } from './exact-copy.ts';
import { LOG_ALPHA } from './judge-kinship.ts';
import { moduleOf } from './shared-values.ts';
import { type Rounding, roundings } from './tolerance.ts';

/** A stored checkpoint and the tensors that were taken from it. */
export interface Part {
  readonly id: ManifestId;
  readonly names: readonly string[];
}

/** More sources than this are a mixture of single tensors, not of layers. */
const MOST_SOURCES = 16;
/** Values that must be there once each for a vector to say where it is from: chance gives two floats in a million places. */
const LEAST_TELLING = 8;

/**
 * Looks for several stored checkpoints whose modules make up the query, each copied as it is; the one that gave the most comes first. Undefined
 * when one checkpoint explains all, or some module comes from nowhere.
 */
export async function findStitched(subject: Case, ranked: readonly Ranked[]): Promise<readonly Part[] | undefined> {
  const whole = findByContents(subject);
  if (whole) return whole;
  const first = ranked[0];
  if (!first) return undefined;
  const query = subject.frame.sample;
  const target: Target = {
    query,
    modules: groupBy(query.keys(), moduleOf),
    rules: roundings(subject.facts, query, 0),
    masks: compareOn(query, [...query.keys()], false).masks,
  };
  const ofBest = copiedModules(target, await subject.weightsOf(first.id));
  if (ofBest.size === target.modules.size) return undefined;
  const copied = new Map([[first.id, ofBest]]);
  for (const id of others(subject, ranked)) {
    if (!copied.has(id)) copied.set(id, copiedModules(target, await subject.weightsOf(id)));
  }
  return cover(target, copied);
}

/** What is looked for: the query, and how far what was copied may be off. */
interface Target {
  readonly query: Weights;
  readonly modules: ReadonlyMap<string, readonly string[]>;
  readonly rules: ReadonlyMap<string, Rounding>;
  readonly masks: ReadonlyMap<string, Uint8Array>;
}

/** Where every tensor stands byte for byte in some stored checkpoint, under whatever name, and in no one of them all: layers may be repeated. */
function findByContents({ query, archive, frame }: Case): readonly Part[] | undefined {
  const holders = holdersOf(query.summary, archive);
  const contents = new Map(query.summary.tensors.map(({ name, content }) => [name, content]));
  const left = new Map<string, ReadonlySet<ManifestId>>();
  for (const name of frame.sample.keys()) {
    const content = contents.get(frame.nameInQuery(name));
    const members = content && holders.get(content);
    // What is constant may be from anybody.
    if (members === undefined) continue;
    if (members.length === 0) return undefined;
    left.set(name, new Set(members.filter(({ summary }) => summary !== query.summary).map(({ id }) => id)));
  }
  const ids = [...new Set([...left.values()].flatMap((members) => [...members]))];
  ids.sort((a, b) => Number(archive.isCopyOfMember(a)) - Number(archive.isCopyOfMember(b)));
  const parts: Part[] = [];
  while (left.size > 0 && parts.length < MOST_SOURCES) {
    const best = mostOf(ids, left, frame.sample);
    if (!best || best.names.length === 0) return undefined;
    parts.push(best);
    for (const name of best.names) left.delete(name);
  }
  return left.size === 0 && parts.length > 1 ? parts : undefined;
}

/** Whoever holds the most of what is left. */
function mostOf(
  ids: readonly ManifestId[],
  left: ReadonlyMap<string, ReadonlySet<ManifestId>>,
  weights: Weights,
): Part | undefined {
  let best: (Part & { readonly size: number }) | undefined;
  for (const id of ids) {
    const names = [...left].flatMap(([name, members]) => (members.has(id) ? [name] : []));
    const size = names.reduce((sum, name) => sum + (weights.get(name)?.data.length ?? 0), 0);
    if (!best || size > best.size) best = { id, names, size };
  }
  return best;
}

/** The candidates, and whoever holds one of the query's tensors byte for byte. */
function others({ query, archive }: Case, ranked: readonly Ranked[]): readonly ManifestId[] {
  const holders = [...holdersOf(query.summary, archive).values()].flatMap((members) => members.slice(0, 2));
  return [...new Set([...ranked.map(({ id }) => id), ...holders.map(({ id }) => id)])];
}

/** Modules of which every tensor is the candidate's, up to the rounding of the query. */
function copiedModules({ query, modules, rules, masks }: Target, candidate: Weights): ReadonlySet<string> {
  const same = [...query.keys()].filter((name) => candidate.get(name)?.data.length === query.get(name)?.data.length);
  const changed = new Set(changedTensors(query, candidate, same, rules, masks));
  const copied = new Set(same.filter((name) => !changed.has(name)));
  const isCopied = (names: readonly string[]) => names.every((name) => copied.has(name));
  return new Set(
    [...modules].flatMap(([module, names]) =>
      isCopied(names) && saysWhere(query, candidate, names, rules) ? [module] : [],
    ),
  );
}

function saysWhere(query: Weights, candidate: Weights, names: readonly string[], rules: Target['rules']) {
  const isConstant = names.every((name) => new Set(query.get(name)?.data).size < LEAST_TELLING);
  if (isConstant) return true;
  const hasMatrix = names.some((name) => (query.get(name)?.shape.length ?? 0) > 1);
  return !hasMatrix || logChanceOfCopy(query, candidate, names, rules, new Map()) < LOG_ALPHA;
}

/** Greedily, whoever explains the most of what is left. */
function cover(
  { query, modules, rules }: Target,
  copied: ReadonlyMap<ManifestId, ReadonlySet<string>>,
): readonly Part[] | undefined {
  // Vectors that were rounded to few levels may be anybody's.
  const isTelling = (name: string) =>
    (query.get(name)?.shape.length ?? 0) > 1 || !(rules.get(name)?.halfSteps || rules.get(name)?.assumed);
  const left = new Set(modules.keys());
  const parts: Part[] = [];
  const sizeOf = (names: readonly string[]) =>
    names.reduce((sum, name) => sum + (query.get(name)?.data.length ?? 0), 0);
  while (left.size > 0 && parts.length < MOST_SOURCES) {
    const gains = [...copied].map(([id, all]) => {
      const names = [...left].filter((module) => all.has(module)).flatMap((module) => modules.get(module) ?? []);
      return { id, names, size: sizeOf(names) };
    });
    const best = gains.reduce((a, b) => (b.size > a.size ? b : a));
    if (best.names.length === 0 || !best.names.some(isTelling)) return undefined;
    parts.push({ id: best.id, names: best.names });
    for (const name of best.names) left.delete(moduleOf(name));
  }
  return left.size === 0 && parts.length > 1 ? parts : undefined;
}
