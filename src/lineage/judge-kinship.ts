import type { AxisGraph, Kinship } from '../symmetry/axis-graph.ts';
import { groupBy } from '../symmetry/group-by.ts';
import { compareKinship, logPValueOf, prepareKinship, testKinship } from '../symmetry/kinship.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { moduleOf } from './shared-values.ts';

/** The family-wise rate of calling a stranger known (lineage.md, A2). */
export const LOG_ALPHA = Math.log(1e-6);
/** From names alone the statistic must be this large (docs/lineage.md, section 3). */
export const LEAST_Z_FROM_NAMES = 8;
/** ln p that the modules must reach without the strongest of them, so that no single shared basis makes kin; small layers reach no less. */
export const LOG_ALPHA_OF_REST = Math.log(1e-3);

/** So many modules are left out one by one. */
const MOST_MODULES = 256;

/** What the kinship test says of one candidate, all comparisons counted. */
export interface KinVerdict {
  readonly isKin: boolean;
  readonly z: number;
  /** ln p after Bonferroni over the candidates and over the pairings that the values chose. */
  readonly logPValue: number;
  /** The statistic that a copy would have: without power a small one says nothing. */
  readonly zOfCopy: number;
}

/**
 * Tests one candidate; `comparisons`: how many it was chosen from. Tensors that are equal value by value take no part: they may be a fixed basis
 * (sinusoidal positions, filters that everybody starts with), and what truly shares them shares exact values.
 */
export function judgeKinship(
  whole: Weights,
  candidate: Weights,
  graph: AxisGraph,
  comparisons: number,
  logChoices: number,
): KinVerdict {
  const query = withoutEqual(whole, candidate);
  const prepared = prepareKinship(candidate, graph);
  const kinship = compareKinship(prepareKinship(query, graph), prepared);
  const logPValue = Math.min(0, kinship.logPValue + Math.log(Math.max(comparisons, 1)) + logChoices);
  const isSure = graph.source === 'file' || kinship.z >= LEAST_Z_FROM_NAMES;
  return {
    isKin: logPValue < LOG_ALPHA && isSure && agreesWithoutStrongest(kinship, query, candidate, graph),
    z: kinship.z,
    logPValue,
    zOfCopy: compareKinship(prepared, prepared).z,
  };
}

function withoutEqual(query: Weights, candidate: Weights): Weights {
  const differs = ([name, { data }]: readonly [string, WeightArray]) => {
    const other = candidate.get(name)?.data;
    return other?.length !== data.length || data.some((x, i) => x !== other[i]);
  };
  return new Map([...query].filter(differs));
}

/** The same from the blocks that were tested, without all that hold a tensor of a module, for every module: large networks need no second look. */
function agreesWithoutAny({ blocks }: Kinship, groups: readonly (readonly string[])[]): boolean {
  return mostTelling(blocks, groups).every((names) => {
    const left = blocks.filter(({ tensors }) => !tensors.some((name) => names.includes(name)));
    return logPValueOf(left) + Math.log(groups.length) < LOG_ALPHA_OF_REST;
  });
}

/** Of very many modules those that say most: without another one more is left. */
function mostTelling(
  blocks: Kinship['blocks'],
  groups: readonly (readonly string[])[],
): readonly (readonly string[])[] {
  if (groups.length <= MOST_MODULES) return groups;
  const said = new Map<string, number>();
  for (const { tensors, degrees, z } of blocks)
    for (const name of tensors) said.set(name, (said.get(name) ?? 0) + Math.sqrt(degrees) * z);
  const scored = groups.map((names) => ({ names, score: names.reduce((sum, name) => sum + (said.get(name) ?? 0), 0) }));
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, MOST_MODULES)
    .map(({ names }) => names);
}

/** Two modules at least must say so: the test is repeated without the strongest. */
function agreesWithoutStrongest(kinship: Kinship, query: Weights, candidate: Weights, graph: AxisGraph): boolean {
  const modules = groupBy(
    kinship.blocks.flatMap((block) => block.tensors),
    moduleOf,
  );
  // A recurrent layer is one module with several matrices that were trained each for itself.
  const [single] = modules.values();
  const groups = modules.size === 1 && single ? single.map((name) => [name]) : [...modules.values()];
  if (groups.length < 2) return false;
  if (agreesWithoutAny(kinship, groups)) return true;
  const scored = groups.map((names) => ({
    names,
    z: testKinship(only(query, names), only(candidate, names), graph).z,
  }));
  const strongest = scored.reduce((a, b) => (b.z > a.z ? b : a));
  const rest = scored.filter((module) => module !== strongest).flatMap(({ names }) => names);
  const { logPValue } = testKinship(only(query, rest), only(candidate, rest), graph);
  return logPValue + Math.log(groups.length) < LOG_ALPHA_OF_REST;
}

/** The statistic of one tensor alone. */
export function tensorZ(query: Weights, candidate: Weights, graph: AxisGraph, name: string): number {
  return graph.tensors.has(name) ? testKinship(only(query, [name]), only(candidate, [name]), graph).z : 0;
}

function only(weights: Weights, names: readonly string[]): Weights {
  return new Map(
    [...new Set(names)].flatMap((name) => {
      const tensor = weights.get(name);
      return tensor ? [[name, tensor] as const] : [];
    }),
  );
}
