import { createHnswIndex, type HnswIndex } from '../../src/neighbors/hnsw-index.ts';
import { packRows, searchRows, type VectorRows } from '../../src/neighbors/row-search.ts';
import { SKETCH_LENGTH } from '../../src/sketch/summary.ts';
import { storeSketches } from './scale-coarse.ts';
import { drawSpace, type SketchSpace, trainSpace } from './scale-spaces.ts';
import type { BenchTable } from './table.ts';
import { medianOf } from './timing.ts';

/** Neighbours whose recall is measured: ten as others measure it, and as many as a question takes for candidates. */
const RECALLED = [10, 32] as const;

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

/** Share of the nearest that the graph finds. */
function recallOf(graph: HnswIndex, rows: VectorRows, queries: readonly Float32Array[], k: number): string {
  let found = 0;
  let asked = 0;
  for (const query of queries) {
    const exact = searchRows(rows, query, k).map(({ key }) => key);
    const approximate = new Set(graph.search(query, k).map(({ key }) => key));
    found += exact.filter((key) => approximate.has(key)).length;
    asked += exact.length;
  }
  return (found / asked).toFixed(4);
}

/** Time of a question to the sketches in a file, and the share of the nearest that it finds: all of them, for it is exact. */
function measureStored({ vectors, beside }: SketchSpace, rows: VectorRows): readonly string[] {
  const stored = storeSketches(vectors);
  try {
    for (const query of beside.slice(0, 1)) stored.search(query, 10);
    const asked = timeQuestions(beside, (query) => stored.search(query, 10)).toFixed(2);
    const isSame = beside.every((query) => {
      const exact = searchRows(rows, query, 32).map(({ key }) => key);
      return stored.search(query, 32).join() === exact.join();
    });
    return [asked, isSame ? 'yes' : '**no**'];
  } finally {
    stored.remove();
  }
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function measure(name: string, space: SketchSpace): readonly string[] {
  const { vectors, beside, strangers } = space;
  const rows = packRows(vectors);
  const exact = timeQuestions(beside, (query) => searchRows(rows, query, 10)).toFixed(2);
  const head = [
    name,
    String(vectors.size),
    `${beside.length} + ${strangers.length}`,
    exact,
    ...measureStored(space, rows),
  ];
  const before = process.memoryUsage().rss;
  const start = process.cpuUsage();
  const graph = buildGraph(vectors);
  if (graph === undefined) return [...head, mebibytes(rows.values.byteLength), '-', '-', '-', '-', '-', '-'];
  const { user, system } = process.cpuUsage(start);
  const grown = process.memoryUsage().rss - before;
  const approximate = timeQuestions(beside, (query) => graph.search(query, 10));
  return [
    ...head,
    mebibytes(rows.values.byteLength),
    approximate.toFixed(2),
    ...RECALLED.map((k) => recallOf(graph, rows, beside, k)),
    recallOf(graph, rows, strangers, 10),
    ((user + system) / 1e6).toFixed(1),
    mebibytes(grown),
  ];
}

export interface IndexSizes {
  readonly synthetic: readonly number[];
  readonly trained: readonly number[];
  /** Questions of each kind at most: where the recall is a thousandth off, ten thousand neighbours show it. */
  readonly questions: number;
}

/** Measures both indexes as the number of vectors grows. */
export async function benchIndexes(sizes: IndexSizes, seed: number): Promise<BenchTable> {
  const rows: (readonly string[])[] = [];
  for (const count of sizes.trained) rows.push(measure('trained here', await trainSpace(count, seed, sizes.questions)));
  // Every exact answer looks at all sketches: the largest space is asked less.
  for (const count of sizes.synthetic) {
    const questions = Math.min(sizes.questions, Math.ceil(2e7 / count));
    rows.push(measure('synthetic', drawSpace(count, seed, questions)));
  }
  return {
    title: 'Scale: the neighbor index, CPU time of a question',
    columns: [
      'space',
      'sketches',
      'questions',
      'every sketch, ms',
      'bytes first, in a file, ms',
      'the same 32',
      'rows, MiB',
      'HNSW, ms',
      ...RECALLED.map((k) => `HNSW: recall@${k}`),
      'strangers: recall@10',
      'HNSW: to build, s',
      'HNSW: memory, MiB',
    ],
    rows,
    notes: [
      `Sketches of ${SKETCH_LENGTH} values, 20 a run; questions about checkpoints beside stored ones, and about runs that are not stored; seed ${seed}.`,
    ],
  };
}
