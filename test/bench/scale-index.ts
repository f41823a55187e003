import { createHnswIndex, type HnswIndex } from '../../src/neighbors/hnsw-index.ts';
import { packRows, searchRows, type VectorRows } from '../../src/neighbors/row-search.ts';
import { SKETCH_LENGTH } from '../../src/sketch/summary.ts';
import { createRandom } from './small-net.ts';
import type { BenchTable } from './table.ts';
import { medianOf } from './timing.ts';

const CHECKPOINTS_A_RUN = 20;
const QUERIES = 50;
const NEIGHBORS = 10;

/** Synthetic sketches: each run starts anywhere and goes on in small steps that turn slowly; a query lies beside one of them. */
function drawSketches(
  count: number,
  seed: number,
): { readonly vectors: Map<string, Float32Array>; readonly queries: Float32Array[] } {
  const random = createRandom(seed);
  const draw = (size: number): Float32Array =>
    Float32Array.from({ length: SKETCH_LENGTH }, () => size * random.normal());
  const vectors = new Map<string, Float32Array>();
  const queries: Float32Array[] = [];
  const runs = Math.ceil(count / CHECKPOINTS_A_RUN);
  for (let run = 0; run < runs; run++) {
    let at = draw(1);
    let step = draw(0.1);
    for (let i = 0; i < CHECKPOINTS_A_RUN && vectors.size < count; i++) {
      vectors.set(`${run}/${i}`, at);
      if (i === 7 && run % Math.ceil(runs / QUERIES) === 0)
        queries.push(at.map((x, k) => x + 0.4 * (step[k] ?? 0) + 0.01 * random.normal()));
      const [from, along, turn] = [at, step, draw(0.02)];
      at = from.map((x, k) => x + (along[k] ?? 0));
      step = along.map((x, k) => 0.95 * x + (turn[k] ?? 0));
    }
  }
  return { vectors, queries };
}

/** The median of the CPU time of a question, in ms. */
function timeQuestions(queries: readonly Float32Array[], ask: (query: Float32Array) => unknown): number {
  const times = queries.map((query) => {
    const start = process.cpuUsage();
    ask(query);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
  });
  return medianOf(times);
}

function buildGraph(vectors: ReadonlyMap<string, Float32Array>): HnswIndex | undefined {
  const graph = createHnswIndex(SKETCH_LENGTH, vectors.size);
  if (graph !== undefined) for (const [key, vector] of vectors) graph.add(key, vector);
  return graph;
}

function recallOf(graph: HnswIndex, rows: VectorRows, queries: readonly Float32Array[]): number {
  let found = 0;
  let asked = 0;
  for (const query of queries) {
    const exact = searchRows(rows, query, NEIGHBORS).map(({ key }) => key);
    const approximate = new Set(graph.search(query, NEIGHBORS).map(({ key }) => key));
    found += exact.filter((key) => approximate.has(key)).length;
    asked += exact.length;
  }
  return found / asked;
}

function measure(count: number, seed: number): readonly string[] {
  const { vectors, queries } = drawSketches(count, seed);
  const rows = packRows(vectors);
  const exact = timeQuestions(queries, (query) => searchRows(rows, query, NEIGHBORS));
  const rowBytes = (rows.values.byteLength / 2 ** 20).toFixed(1);
  const before = process.memoryUsage().rss;
  const start = process.cpuUsage();
  const graph = buildGraph(vectors);
  if (graph === undefined) return [String(count), exact.toFixed(2), rowBytes, '-', '-', '-', '-'];
  const { user, system } = process.cpuUsage(start);
  const grown = ((process.memoryUsage().rss - before) / 2 ** 20).toFixed(0);
  const approximate = timeQuestions(queries, (query) => graph.search(query, NEIGHBORS));
  const recall = recallOf(graph, rows, queries).toFixed(4);
  return [
    String(count),
    exact.toFixed(2),
    rowBytes,
    approximate.toFixed(2),
    recall,
    ((user + system) / 1e6).toFixed(1),
    grown,
  ];
}

/** Measures both indexes as the number of vectors grows. */
export function* benchIndexes(counts: readonly number[], seed: number): Iterable<BenchTable> {
  yield {
    title: 'Scale: the neighbor index, CPU time of a question',
    columns: [
      'sketches',
      'exact, ms',
      'rows, MiB',
      'HNSW, ms',
      `HNSW: recall@${NEIGHBORS}`,
      'HNSW: to build, s',
      'HNSW: memory, MiB',
    ],
    rows: counts.map((count) => measure(count, seed)),
    notes: [
      `Synthetic trajectories of ${CHECKPOINTS_A_RUN} sketches of ${SKETCH_LENGTH} values; ${QUERIES} questions at most; seed ${seed}.`,
    ],
  };
}
