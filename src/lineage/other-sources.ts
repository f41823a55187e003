import type { ManifestId } from '../objects/ids.ts';
import { groupBy } from '../symmetry/group-by.ts';
import type { Weights } from '../tensors/weights.ts';
import { type Case, type Ground, rank } from './case.ts';
import { isExactCopy, logChanceOfCopy } from './exact-copy.ts';
import { LOG_ALPHA } from './judge-kinship.ts';
import { moduleOf } from './shared-values.ts';
import { roundings } from './tolerance.ts';

/** Tensors that are copies from a stored checkpoint other than the base. */
export interface OtherSource {
  readonly id: ManifestId;
  readonly names: readonly string[];
}

const NO_MASKS: ReadonlyMap<string, Uint8Array> = new Map();

/** Looks, for each module that does not come from the base, for another candidate that it is a copy from. */
export async function findOtherSources(subject: Case, ground: Ground): Promise<readonly OtherSource[]> {
  if (ground.isAligned) return [];
  const query = subject.frame.sample;
  const fromBase = new Set(ground.names);
  const modules = groupBy(
    [...query.keys()].filter((name) => !fromBase.has(name)),
    moduleOf,
  );
  const sources = new Map<ManifestId, string[]>();
  for (const names of modules.values()) {
    const id = await sourceOf(subject, ground, names);
    if (id === undefined) continue;
    const known = sources.get(id) ?? [];
    sources.set(id, known);
    known.push(...names);
  }
  return [...sources].map(([id, names]) => ({ id, names }));
}

async function sourceOf(subject: Case, ground: Ground, names: readonly string[]): Promise<ManifestId | undefined> {
  const query = subject.frame.sample;
  const best = (
    await rank(
      subject,
      ground.ranked.map(({ id }) => id),
      names,
    )
  )[0];
  if (!best) return undefined;
  const candidate = await subject.weightsOf(best.id);
  if (!names.every((name) => candidate.has(name))) return undefined;
  const rules = roundings(subject.facts, query, 0);
  if (!isExactCopy(query, candidate, names, rules, NO_MASKS)) return undefined;
  return isBeyondChance(query, candidate, names, rules, ground.ranked.length) ? best.id : undefined;
}

function isBeyondChance(
  query: Weights,
  candidate: Weights,
  names: readonly string[],
  rules: ReturnType<typeof roundings>,
  comparisons: number,
): boolean {
  return logChanceOfCopy(query, candidate, names, rules, NO_MASKS) + Math.log(Math.max(comparisons, 1)) < LOG_ALPHA;
}
