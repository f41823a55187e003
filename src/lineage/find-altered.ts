import type { ManifestId } from '../objects/ids.ts';
import type { WeightSample } from '../tensors/weights.ts';
import { isMadeWithoutTraining } from './alteration-words.ts';
import { nearCandidates } from './candidates.ts';
import { emptyForest } from './forest.ts';
import type { ForestMemo } from './forest-memo.ts';
import { identifyCheckpoint } from './identify.ts';
import type { Archive, Forest, Identification, Member } from './model.ts';
import type { Node } from './node.ts';
import { placedArchive } from './placed-archive.ts';
import { sampledArchive } from './sampled-archive.ts';

/** A checkpoint that was made from others without training. */
export interface Altered {
  readonly node: Node;
  readonly relation: string;
  readonly parents: Identification['parents'];
  readonly confidence: number;
  readonly logPValue?: number;
  /** Where its original would be, which is not stored: a trajectory of the forest that was asked, by its number. */
  readonly place?: { readonly trajectory: number; readonly position: number };
}

/** Near ones that say which of two is the noisier. */
const WITNESSES = 4;
/** Natural logarithm of the odds from which on that counts as told. */
const SURE = Math.log(20);

const wordsOf = ({ relation }: Identification): readonly string[] => relation.split('+');

/** True where nothing but the alteration lies between the checkpoint and its parents. */
function isMadeFrom({ known, direction, parents, relation }: Identification): boolean {
  return known && direction !== 'backward' && parents.length > 0 && isMadeWithoutTraining(relation);
}

/** True for one whose original is not stored, but relatives of it are. */
function isPruned(answer: Identification): boolean {
  return answer.known && wordsOf(answer).includes('pruned');
}

const originalsOf = (nodes: readonly Node[]): readonly Member[] => nodes.map(({ original }) => original);

function queryOf({ id, summary }: Member, archive: Archive) {
  return { summary, weights: () => archive.weights(id), axisGraph: () => archive.axisGraph(id) };
}

/** Squared distance of two checkpoints on the sampled weights that both have, and how many those are. */
function compare(a: ManifestId, b: ManifestId, samples: ReadonlyMap<ManifestId, WeightSample>) {
  let squared = 0;
  let count = 0;
  for (const [name, { data }] of samples.get(a)?.weights ?? []) {
    const values = samples.get(b)?.weights.get(name)?.data;
    if (values?.length !== data.length) continue;
    count += data.length;
    for (let i = 0; i < data.length; i++) {
      const d = (data[i] ?? 0) - (values[i] ?? 0);
      squared += d * d;
    }
  }
  return { squared, count };
}

/** Squared cosine of the angle at `corner` in a triangle, from its squared sides: that at right angles to everything is 0. */
function squaredCosine(toOther: number, toThird: number, opposite: number): number {
  const product = toOther * toThird;
  return product > 0 ? (toOther + toThird - opposite) ** 2 / (4 * product) : 0;
}

/**
 * Noise is seen from both sides. It points nowhere: seen from the original all others stand at right angles to the noisy one, give or take one
 * part in the root of the number of weights; seen from the noisy one they do not. The likelier original of the two is the one.
 */
async function isNoisy(node: Node, parent: ManifestId, archive: Archive): Promise<boolean> {
  const { id, summary } = node.original;
  const near = archive.neighbors('centred', summary, WITNESSES + 1).map(({ key }) => key as ManifestId);
  const witnesses = near.filter((key) => key !== parent).slice(0, WITNESSES);
  const samples = await archive.samples([id, parent, ...witnesses]);
  const { squared: noise } = compare(id, parent, samples);
  let evidence = 0;
  for (const other of witnesses) {
    const { squared: own, count } = compare(id, other, samples);
    const { squared: its } = compare(parent, other, samples);
    evidence += (count / 2) * (squaredCosine(noise, own, its) - squaredCosine(noise, its, own));
  }
  return evidence > SURE;
}

async function isPlausible(node: Node, answer: Identification, archive: Archive): Promise<boolean> {
  const [parent] = answer.parents;
  return !isNoise(answer) || (parent !== undefined && (await isNoisy(node, parent.id, archive)));
}

const isNoise = ({ relation }: Pick<Identification, 'relation'>) => relation.split('+').includes('perturbed');

function toVerdict({ relation, parents, confidence, logPValue }: Identification): Omit<Altered, 'node'> {
  return { relation, parents, confidence, ...(logPValue === undefined ? {} : { logPValue }) };
}

export interface Answers {
  readonly made: readonly Altered[];
  /** Pruned, and their originals are not stored. */
  readonly pruned: readonly Node[];
}

/** The checkpoints of a component, and what is known of them before anything is asked. */
export interface Suspected {
  readonly nodes: readonly Node[];
  /** Among whom the originals of one would be. */
  around(node: Node): readonly Node[];
  readonly archive: Archive;
  readonly memo?: ForestMemo | undefined;
}

/** Of one suspect: what it was made from, that it was pruned, or neither. */
type Verdict = Omit<Altered, 'node'> | 'pruned' | 'none';

/**
 * Asks of suspects what they were made from, each among those around it and its candidates; no run is known yet. Who is asked among the same as before
 * gets the same answer: a checkpoint that is added at the end of a run changes little of what surrounds the others.
 */
export async function askSuspects(
  suspects: readonly Node[],
  { nodes, around, archive, memo }: Suspected,
): Promise<Answers> {
  const made: Altered[] = [];
  const pruned: Node[] = [];
  const sampled = sampledArchive(archive, originalsOf(nodes));
  const all = placedArchive(sampled, originalsOf(nodes), emptyForest);
  for (const node of suspects) {
    const near = new Set(originalsOf(around(node)).map(({ id }) => id));
    for (const id of nearCandidates(node.original.summary, all)) near.add(id);
    const others = originalsOf(nodes).filter(({ id }) => near.has(id) && id !== node.original.id);
    const verdict = await recallVerdict(node, others, memo, () => askSuspect(node, others, sampled));
    if (verdict === 'pruned') pruned.push(node);
    else if (verdict !== 'none') made.push({ node, ...verdict });
  }
  return { made: withoutCycles(made), pruned };
}

async function askSuspect(node: Node, others: readonly Member[], archive: Archive): Promise<Verdict> {
  const placed = placedArchive(archive, others, emptyForest);
  const query = queryOf(node.original, archive);
  // Most were made by training: that takes no proof of kinship, which their component is.
  const likely = await identifyCheckpoint({ ...query, isOfKin: true }, placed);
  if (!isMadeFrom(likely) && !isPruned(likely)) return 'none';
  const answer = await identifyCheckpoint(query, placed);
  if (!isMadeFrom(answer)) return isPruned(answer) ? 'pruned' : 'none';
  if (!(await isPlausible(node, answer, placed))) return 'none';
  return toVerdict(answer);
}

async function recallVerdict(
  { original }: Node,
  others: readonly Member[],
  memo: ForestMemo | undefined,
  ask: () => Promise<Verdict>,
): Promise<Verdict> {
  const key = `altered ${[original, ...others].map(({ id }) => id).join()}`;
  const kept = memo?.text(key);
  if (kept !== undefined) return JSON.parse(kept) as Verdict;
  const verdict = await ask();
  memo?.rememberText(key, JSON.stringify(verdict));
  return verdict;
}

/** Those that look like noisy copies also when it is known where their run goes on. */
export async function confirmNoise(
  made: readonly Altered[],
  nodes: readonly Node[],
  forest: Forest,
  archive: Archive,
): Promise<readonly Altered[]> {
  const kept: Altered[] = [];
  const sampled = sampledArchive(archive, originalsOf(nodes));
  for (const one of made) {
    const others = originalsOf(nodes.filter((other) => other !== one.node));
    const ask = () => identifyCheckpoint(queryOf(one.node.original, sampled), placedArchive(sampled, others, forest));
    if (!isNoise(one) || isNoise(await ask())) kept.push(one);
  }
  return kept;
}

/** The checkpoint of a run that its original went on from: of two that it lies between, the earlier one, whichever is nearer. */
function originBefore(answer: Identification, originals: ReadonlySet<ManifestId>, { trajectories }: Forest) {
  const { trajectory, position } = answer;
  const run = trajectories[Number(trajectory ?? -1)];
  if (run === undefined || run.direction === 'unknown' || position === undefined) return answer.parents;
  const before = run.members.filter((member) => member.position <= position && originals.has(member.id)).at(-1);
  return before === undefined ? answer.parents : [{ id: before.id, weight: 1 }];
}

/** Places pruned checkpoints whose originals are not stored on the runs of those that are no altered ones. */
export async function placePruned(
  pruned: readonly Node[],
  nodes: readonly Node[],
  forest: Forest,
  archive: Archive,
): Promise<readonly Altered[]> {
  const members = originalsOf(nodes);
  const originals = new Set(members.map(({ id }) => id));
  const sampled = sampledArchive(archive, members);
  const placed = placedArchive(sampled, members, forest);
  const found: Altered[] = [];
  for (const node of pruned) {
    const answer = await identifyCheckpoint(queryOf(node.original, sampled), placed);
    const { trajectory, position } = answer;
    const place =
      trajectory === undefined || position === undefined ? {} : { place: { trajectory: Number(trajectory), position } };
    if (!answer.known) continue;
    const parents = wordsOf(answer).includes('between') ? originBefore(answer, originals, forest) : answer.parents;
    found.push({ node, ...toVerdict({ ...answer, parents }), ...place });
  }
  return found;
}

/**
 * Of checkpoints that were made from each other, as it seems, some are the originals: rather those that would be mixtures with negative
 * weights (a mean can be solved for each of its parts), then the first by id.
 */
function withoutCycles(made: readonly Altered[]): readonly Altered[] {
  const kept = new Map(made.map((one) => [one.node.original.id, one]));
  const order = [...made].sort(
    (a, b) => leastWeight(a) - leastWeight(b) || (a.node.original.id < b.node.original.id ? -1 : 1),
  );
  for (const { node } of order) if (descendsFromItself(node.original.id, kept)) kept.delete(node.original.id);
  return [...kept.values()];
}

const leastWeight = ({ parents }: Altered): number => Math.min(0, ...parents.map(({ weight }) => weight));

function descendsFromItself(id: ManifestId, made: ReadonlyMap<ManifestId, Altered>): boolean {
  const ancestors = new Set<ManifestId>(made.get(id)?.parents.map((parent) => parent.id));
  for (const ancestor of ancestors) for (const parent of made.get(ancestor)?.parents ?? []) ancestors.add(parent.id);
  return ancestors.has(id);
}
