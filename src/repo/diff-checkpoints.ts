import path from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import { compareResized } from '../diff/compare-resized.ts';
import { compareTensors, type TensorChange } from '../diff/compare-tensors.ts';
import { matchTensors, type TensorMatching } from '../diff/match-tensors.ts';
import type { OpenCheckpoint } from '../formats/format.ts';
import { readWeights } from '../formats/read-weights.ts';
import type { FoldedLayer } from '../lineage/folded-copy.ts';
import { judgePair, type PairSide } from '../lineage/judge-pair.ts';
import type { Identification } from '../lineage/model.ts';
import { moduleOf } from '../lineage/shared-values.ts';
import { parseManifestId } from '../objects/ids.ts';
import { summarize } from '../sketch/summarize.ts';
import type { Summary } from '../sketch/summary.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import type { Weights } from '../tensors/weights.ts';
import { axisGraphOf } from './checkpoint-reader.ts';
import { findNamed } from './find-checkpoint.ts';
import { probabilityOf } from './identify-files.ts';
import type { DiffResult, TensorDiff } from './lineage-results.ts';
import { expectWeights, withModelFile } from './pending.ts';
import { expectContent } from './pruned-content.ts';
import type { Repository } from './repository.ts';

/** One side of a comparison, read whole. */
export interface DiffSide {
  readonly name: string;
  readonly summary: Summary;
  readonly weights: Weights;
  readonly graph: AxisGraph;
}

async function readSide(name: string, checkpoint: OpenCheckpoint): Promise<DiffSide> {
  const summary = await summarize(checkpoint);
  return { name, summary, weights: await readWeights(checkpoint), graph: axisGraphOf(checkpoint) };
}

/** Reads a model file on disk as one side. @throws BadFileError */
export function readFileSide(workingDirectory: string, file: string): Promise<DiffSide> {
  return withModelFile(path.resolve(workingDirectory, file), (checkpoint) => readSide(file, checkpoint));
}

/** Reads a stored checkpoint as one side. @throws WsvcError `not-found`; BadFileError for one without weights. */
export async function readStoredSide(repository: Repository, named: string): Promise<DiffSide> {
  const found = await findNamed(repository, named);
  await expectContent(repository, found);
  const id = found.pointer.manifest;
  const { summary, weights, axisGraph, manifest } = repository.checkpoints;
  expectWeights(await manifest(id));
  return { name: named, summary: await summary(id), weights: await weights(id), graph: await axisGraph(id) };
}

function toPairSide({ name, summary, weights, graph }: DiffSide, letter: string): PairSide {
  const id = parseManifestId(sha256Hex(new TextEncoder().encode(`${letter} ${name}`)));
  return { id, name, summary, weights, graph };
}

function unpaired(name: string, status: 'added' | 'removed'): TensorDiff {
  return { name, status, relativeChange: null, cosine: null, changedShare: null, rank: null, kind: status };
}

function describeChange({ query, candidate, ...change }: TensorChange): TensorDiff {
  return { name: query, ...change, ...(query === candidate ? {} : { from: candidate }) };
}

/** Tensors without decoded values (integers, masks): same or changed by their content. */
function describeOpaque(
  from: DiffSide,
  to: DiffSide,
  pairs: TensorMatching['pairs'],
  seen: ReadonlySet<string>,
): readonly TensorDiff[] {
  const before = new Map(from.summary.tensors.map((tensor) => [tensor.name, tensor.content]));
  const after = new Map(to.summary.tensors.map((tensor) => [tensor.name, tensor.content]));
  return pairs
    .filter(({ query }) => !seen.has(query))
    .map(({ query, candidate }) => {
      const isSame = after.get(query) === before.get(candidate);
      const status = isSame ? 'same' : 'changed';
      return {
        name: query,
        status,
        relativeChange: isSame ? 0 : null,
        cosine: null,
        changedShare: isSame ? 0 : null,
        rank: null,
        kind: isSame ? 'same' : 'values',
      };
    });
}

/** Optimizer state and counters that only one of the two keeps are no tensors of the model that the other lacks. */
function weighs({ summary }: DiffSide): (name: string) => boolean {
  const others = new Set(summary.tensors.flatMap(({ name, role }) => (role === 'weight' ? [] : [name])));
  return (name) => !others.has(name);
}

/** Of large checkpoints some rows are read. */
function asRead({ summary, weights }: DiffSide) {
  return summary.tensors.map(({ name, shape, content }) => ({
    name,
    shape: weights.get(name)?.shape ?? shape,
    content,
  }));
}

function describeTensors(from: DiffSide, to: DiffSide): readonly TensorDiff[] {
  const matching = matchTensors(
    { tensors: asRead(to), weights: to.weights },
    { tensors: asRead(from), weights: from.weights },
  );
  const resized = compareResized(to.weights, from.weights, matching, {
    query: shapesOf(to),
    candidate: shapesOf(from),
  });
  const [taken, given] = [new Set(resized.map(({ query }) => query)), new Set(resized.map((one) => one.candidate))];
  const pairs = [...matching.pairs, ...matching.reshaped.filter(({ query }) => !taken.has(query))];
  const compared = compareTensors(to.weights, from.weights, pairs);
  const seen = new Set(compared.map(({ query }) => query));
  const [added, removed] = [matching.onlyQuery.filter(weighs(to)), matching.onlyCandidate.filter(weighs(from))];
  return [
    ...[...compared, ...resized].map(describeChange),
    ...describeOpaque(from, to, pairs, seen),
    ...added.filter((name) => !taken.has(name)).map((name) => unpaired(name, 'added')),
    ...removed.filter((name) => !given.has(name)).map((name) => unpaired(name, 'removed')),
  ];
}

function shapesOf({ summary }: DiffSide): (name: string) => readonly number[] | undefined {
  const shapes = new Map(summary.tensors.map(({ name, shape }) => [name, shape]));
  return (name) => shapes.get(name);
}

/** Layers that a normalisation was folded into, their biases, and what is left of the normalisation on the other side. */
function markFolded(tensors: readonly TensorDiff[], layers: readonly FoldedLayer[]): readonly TensorDiff[] {
  const matrices = new Set(layers.flatMap(({ folded, plain }) => [folded, plain]));
  const norms = new Set(layers.map(({ norm }) => norm));
  return tensors.map((tensor) => {
    const names = [tensor.name, tensor.from ?? tensor.name];
    const isFolded = names.some((name) => matrices.has(name) || norms.has(moduleOf(name)));
    return isFolded ? { ...tensor, kind: 'folded' } : tensor;
  });
}

function describeRelation({ known, relation, direction }: Identification): string {
  if (!known) return 'no relation between A and B could be shown';
  switch (direction) {
    case 'forward':
      return `B comes from A: ${relation}`;
    case 'backward':
      return `A comes from B: ${relation}`;
    case 'siblings':
      return `A and B come from one original: ${relation}`;
    case 'unknown':
      return `B is ${relation} with respect to A`;
  }
}

function summarizeDiff(tensors: readonly TensorDiff[], verdict: Identification): string {
  const counts = new Map<string, number>();
  for (const { status } of tensors) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status}`);
  return `${describeRelation(verdict)}; tensors: ${parts.join(', ') || 'none'}`;
}

/** Compares two checkpoints tensor by tensor, and says whether one comes from the other and how. */
export async function diffCheckpoints(from: DiffSide, to: DiffSide): Promise<DiffResult> {
  const bare = [from, to].filter(({ summary }) => summary.parameters === 0);
  if (bare.length > 0) return compareBytes(from, to, bare);
  const verdict = await judgePair(toPairSide(from, 'A'), toPairSide(to, 'B'));
  const tensors = markFolded(describeTensors(from, to), verdict.folded ?? []);
  return {
    relation: verdict.relation,
    known: verdict.known,
    direction: verdict.direction,
    // Where no test applies nothing speaks against chance.
    pValue: probabilityOf(verdict.logPValue ?? 0),
    confidence: verdict.confidence,
    tensors,
    summary: summarizeDiff(tensors, verdict),
    notes: [...verdict.notes, ...noteState(from, to), ...noteRows(from, to)],
  };
}

/** Files without weights are the same only byte by byte: what else they are to each other no weight says. */
function compareBytes(from: DiffSide, to: DiffSide, bare: readonly DiffSide[]): DiffResult {
  const [a, b] = [from, to].map(({ summary }) => summary.files.map(({ sha256 }) => sha256).join());
  const known = a === b;
  const names = [...new Set(bare.map(({ name }) => name))].join(' and ');
  return {
    relation: known ? 'identical' : 'unrelated',
    known,
    direction: 'unknown',
    // Other bytes with this SHA-256.
    pValue: known ? 2 ** -256 : null,
    confidence: known ? 1 : 0.5,
    tensors: describeTensors(from, to),
    summary: known ? 'A and B are the same, byte for byte' : 'no relation between A and B could be shown',
    notes: [`${names} ${names.includes(' and ') ? 'hold' : 'holds'} no weights.`],
  };
}

/** Says that figures are estimates. */
function noteRows(from: DiffSide, to: DiffSide): readonly string[] {
  const isCut = ({ summary, weights }: DiffSide) =>
    summary.tensors.some(({ name, shape }) => {
      const read = weights.get(name)?.data.length;
      return read !== undefined && read < shape.reduce((product, n) => product * n, 1);
    });
  return isCut(from) || isCut(to)
    ? [
        'Of checkpoints this large some rows of every tensor are compared: the figures are estimates, ranks at most the number of rows.',
      ]
    : [];
}

/** Says that one file keeps optimizer state and the other does not. */
function noteState(from: DiffSide, to: DiffSide): readonly string[] {
  const [before, after] = [from, to].map(
    ({ summary }) => summary.tensors.filter(({ role }) => role === 'optimizer').length,
  );
  if (!before === !after) return [];
  return [`${before ? 'A' : 'B'} alone holds optimizer state, in ${before || after} tensors that are not listed.`];
}
