import { bringInto } from '../diff/bring-into.ts';
import { invertLayout } from '../diff/layout.ts';
import { createLayoutOptions } from '../diff/layout-options.ts';
import { isInPlace, matchInPlace } from '../diff/match-in-place.ts';
import { matchTensors, type Named, type TensorMatching, type TensorPair } from '../diff/match-tensors.ts';
import { isInPlacePair } from '../diff/tensor-pair.ts';
import type { ContentId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { type AxisGraph, type TensorAxes, withoutRows } from '../symmetry/axis-graph.ts';
import type { Weights } from '../tensors/weights.ts';
import type { Archive, Query } from './model.ts';
import { LARGEST_WHOLE, sampleOfWeights, sampleRows, valueCount } from './sample-rows.ts';

/** A stored checkpoint under the names and axes of the frame. */
export interface Candidate {
  readonly id: ManifestId;
  readonly matching: TensorMatching;
  /** Values to rank by: whole for small checkpoints, some rows of large ones. */
  readonly sample: Weights;
  /** All values. */
  whole(): Promise<Weights>;
}

/** The names, axes and axis graph under which a query and its candidates are compared. */
export interface Frame {
  /** All values of the query. */
  readonly query: Weights;
  readonly sample: Weights;
  readonly graph: AxisGraph;
  /** The query's own name of a tensor of the frame. */
  nameInQuery(name: string): string;
  candidate(id: ManifestId): Promise<Candidate>;
  /** Reads what several candidates take at once. */
  prepare(ids: readonly ManifestId[]): Promise<void>;
}

/** Lists a checkpoint's tensors for matching: those with weights, with their content where the summary has it. */
export function namedTensors(summary: Summary, weights: Weights): readonly Named[] {
  const contents = new Map<string, ContentId>();
  for (const { name, content } of summary.tensors) contents.set(name, content);
  const named: Named[] = [];
  for (const [name, { shape }] of weights) {
    const content = contents.get(name);
    named.push(content === undefined ? { name, shape } : { name, shape, content });
  }
  return named;
}

/** An axis graph of what is at hand: of a tensor with some of its rows only the other axes are whole, and their units could be permuted. */
function cutGraph(graph: AxisGraph, summary: Summary, weights: Weights): AxisGraph {
  if (graph.tensors.size === 0) return graph;
  const sizes = new Map(summary.tensors.map(({ name, shape }) => [name, shape.reduce((a, b) => a * b, 1)]));
  const isWhole = (name: string) => (weights.get(name)?.data.length ?? 0) >= (sizes.get(name) ?? 0);
  if ([...graph.tensors.keys()].every(isWhole)) return graph;
  const tensors = [...graph.tensors].flatMap(([name, axes]): [string, TensorAxes][] => {
    if (isWhole(name)) return [[name, axes]];
    const cut = withoutRows(axes, weights.get(name)?.shape ?? []);
    return cut === undefined ? [] : [[name, cut]];
  });
  return { ...graph, tensors: new Map(tensors) };
}

/** Opens the frame of the query's own names and axes. */
export async function openFrame(query: Query, archive: Archive): Promise<Frame> {
  const weights = await query.weights();
  return createFrame(
    archive,
    weights,
    namedTensors(query.summary, weights),
    cutGraph(await query.axisGraph(), query.summary, weights),
    new Map(),
    query,
  );
}

/**
 * The frame of a stored checkpoint instead of the query's: taken when its axis graph places more (the query was renamed, or its axes turned).
 * Tensors that the checkpoint does not have keep the query's names.
 */
export async function moveFrame(frame: Frame, query: Query, archive: Archive, id: ManifestId): Promise<Frame> {
  const { matching } = await frame.candidate(id);
  const back = new Map<string, string>();
  for (const { query: name, candidate } of matching.pairs) {
    const known = back.get(candidate);
    back.set(candidate, known === undefined ? name : `${known} + ${name}`);
  }
  const own = await query.weights();
  const stored = await archive.weights(id);
  const graph = cutGraph(await archive.axisGraph(id), archive.member(id).summary, stored);
  const turned = matching.pairs.map((pair) => turnPair(pair, stored));
  const rest = new Set(matching.onlyQuery.filter((name) => !back.has(name)));
  const weights = new Map([...bringInto(turned, own), ...[...own].filter(([name]) => rest.has(name))]);
  const named = namedTensors(query.summary, own).map((t) => [t.name, t.content] as const);
  const contents = new Map(named);
  const tensors = [...weights].map(([name, { shape }]): Named => {
    const content = contents.get(back.get(name) ?? name);
    return { name, shape, ...(content ? { content } : {}) };
  });
  return createFrame(archive, weights, tensors, graph, back, query);
}

/** True where {@link moveFrame} would change nothing: the checkpoint has the query's tensors as they stand, and names them the same units, or no units at all. */
export async function isOwnFrame(frame: Frame, query: Query, archive: Archive, id: ManifestId): Promise<boolean> {
  const graph = await archive.axisGraph(id);
  if (graph.tensors.size === 0) return true;
  const { pairs, onlyQuery, onlyCandidate } = (await frame.candidate(id)).matching;
  const isWhole = onlyQuery.length === 0 && onlyCandidate.length === 0 && pairs.every(isInPlacePair);
  return isWhole && graph === (await query.axisGraph());
}

/** The pair seen from the other side. */
function turnPair({ query, candidate, layout, taken, placed }: TensorPair, stored: Weights): TensorPair {
  const shape = taken?.part ?? stored.get(candidate)?.shape ?? [];
  return {
    query: candidate,
    candidate: query,
    ...(layout ? { layout: invertLayout(layout, shape) } : {}),
    ...(placed ? { taken: placed } : {}),
    ...(taken ? { placed: taken } : {}),
  };
}

function createFrame(
  archive: Archive,
  weights: Weights,
  tensors: readonly Named[],
  graph: AxisGraph,
  back: ReadonlyMap<string, string>,
  { summary, logChoices: logCuts = 0 }: Query,
): Frame {
  const own = sampleOfWeights(weights);
  const total = valueCount(weights);
  const isLarge = summary.parameters > LARGEST_WHOLE;
  const kept = new Map<ManifestId, Promise<Candidate>>();
  const options = createLayoutOptions();
  /** Of all candidates that are in place. */
  let inPlace: TensorMatching | undefined;
  const bring = async (id: ManifestId): Promise<Candidate> => {
    const stored = await archive.weights(id);
    const named = namedTensors(archive.member(id).summary, stored);
    const matched = matchTensors({ tensors, weights }, { tensors: named, weights: stored }, options);
    const matching = { ...matched, logChoices: matched.logChoices + logCuts };
    const brought = bringInto(matching.pairs, stored);
    const small = valueCount(brought) <= LARGEST_WHOLE;
    return {
      id,
      matching,
      // What has only some of the query's tensors must give the same rows of them.
      sample: sampleRows(brought, total),
      whole: async () => (small ? brought : bringInto(matching.pairs, await archive.weights(id))),
    };
  };
  const bringSample = async (id: ManifestId): Promise<Candidate> => {
    const sample = (await archive.samples([id])).get(id);
    if (sample === undefined || !isInPlace(own, sample)) return bring(id);
    inPlace ??= matchInPlace(tensors, logCuts);
    const matching = inPlace;
    const { pairs } = matching;
    const whole = async () => bringInto(pairs, await archive.weights(id));
    return { id, matching, sample: bringInto(pairs, sample.weights), whole };
  };
  const candidate = (id: ManifestId): Promise<Candidate> => {
    const found = kept.get(id) ?? (isLarge ? bringSample(id) : bring(id));
    kept.set(id, found);
    return found;
  };
  return {
    query: weights,
    sample: own.weights,
    graph,
    nameInQuery: (name) => back.get(name) ?? name,
    candidate,
    async prepare(ids) {
      const missing = ids.filter((id) => !kept.has(id));
      if (isLarge && missing.length > 1) await archive.samples(missing);
    },
  };
}

/** Number of values of the tensors that a graph places. */
export function placedCount(graph: AxisGraph, weights: Weights): number {
  let count = 0;
  for (const name of graph.tensors.keys()) count += weights.get(name)?.data.length ?? 0;
  return count;
}
