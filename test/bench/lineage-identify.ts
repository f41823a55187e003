import { pathToFileURL } from 'node:url';
import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { nearness } from '../../src/lineage/likelihood.ts';
import { type MemoryEntry, memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive, Identification } from '../../src/lineage/model.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import * as alter from '../lineage/alter.ts';
import { reorderUnits } from '../lineage/reorder-units.ts';
import { graphOf, membersOf, queryOf, trainRun } from '../lineage/small-zoo.ts';

const RUNS = 12;
const EPOCHS = 12;
const STRANGERS = 40;
/** Epochs of each run that are asked about. */
const ASKED = [2, 5, 9];

interface Question {
  readonly kind: string;
  readonly weights: Weights;
  /** Ids of which the nearest must be one; empty for a stranger. */
  readonly bases: readonly string[];
  readonly words: string;
  readonly archive: Archive;
}

interface Score {
  asked: number;
  known: number;
  base: number;
  word: number;
  byDistance: number;
  byCosine: number;
  readonly ms: number[];
}

/** The ways in which one checkpoint is altered, and the words for it. */
function alterations(weights: Weights, seed: number): readonly (readonly [string, Weights, string])[] {
  const reorder = (options: { readonly flip?: boolean; readonly scale?: number }) =>
    reorderUnits(weights, graphOf(weights), { seed, ...options });
  return [
    ['bf16', alter.toBf16(weights), 'cast'],
    ['fp16', alter.toFp16(weights), 'cast'],
    ['int8 per tensor', alter.quantize(weights, 127, alter.perTensor), 'quantized'],
    ['int4 per tensor', alter.quantize(weights, 7, alter.perTensor), 'quantized'],
    ['int8 per channel', alter.quantize(weights, 127, alter.perChannel), 'quantized'],
    ['int4 in blocks', alter.quantize(weights, 7, alter.perBlock), 'quantized'],
    ['noise 1 %', alter.addNoise(weights, 0.01, seed), 'perturbed'],
    ['noise 5 %', alter.addNoise(weights, 0.05, seed), 'perturbed'],
    ['noise 20 %', alter.addNoise(weights, 0.2, seed), 'perturbed'],
    ['pruned 50 %', alter.prune(weights, 0.5), 'pruned'],
    ['pruned 90 %', alter.prune(weights, 0.9), 'pruned'],
    ['pruned 80 % over all', alter.prune(weights, 0.8, true), 'pruned'],
    ['head drawn anew', alter.replaceHead(weights, 'fc3', 6, seed), 'head-replaced'],
    ['head of another size', alter.replaceHead(weights, 'fc3', 9, seed), 'head-replaced'],
    ['merged update of rank 2', alter.addLowRank(weights, 2, 0.2, seed), 'low-rank'],
    ['transposed', alter.transpose(weights), 'recontained'],
    ['renamed, noise 5 %', alter.rename(alter.addNoise(weights, 0.05, seed), (_, i) => `p${i}`), 'perturbed'],
    ['permuted', reorder({}), 'permuted'],
    ['permuted and flipped', reorder({ flip: true }), 'permuted'],
    ['permuted and rescaled', reorder({ scale: 0.5 }), 'permuted+rescaled'],
    ['pruned and cast', alter.toBf16(alter.prune(weights, 0.5)), 'pruned+cast'],
    [
      'noise and head',
      alter.replaceHead(alter.addNoise(weights, 0.05, seed), 'fc3', 6, seed),
      'head-replaced+perturbed',
    ],
    ['permuted and int4', alter.quantize(reorder({}), 7, alter.perTensor), 'permuted+quantized'],
  ];
}

function aboutRun(
  run: readonly Weights[],
  members: readonly MemoryEntry[],
  all: readonly MemoryEntry[],
  number: number,
): Question[] {
  const archive = memoryArchive(all);
  const idAt = (position: number) => String(members[position]?.id);
  const at = (position: number): Weights => run[position] ?? new Map();
  return ASKED.flatMap((position) => {
    const altered = alterations(at(position), 100 * number + position).map(([kind, weights, words]) => ({
      kind,
      weights,
      words,
      bases: [idAt(position)],
      archive,
    }));
    const window = [position - 1, position, position + 1];
    const mean = alter.average(window.map(at), [0.2, 0.3, 0.5]);
    const around = [idAt(position - 1), idAt(position + 1)];
    const without = memoryArchive(all.filter(({ id }) => id !== idAt(position)));
    return [
      ...altered,
      { kind: 'average of three', weights: mean, words: 'averaged', bases: [idAt(position + 1)], archive },
      {
        kind: 'average of three, bf16',
        weights: alter.toBf16(mean),
        words: 'averaged+cast',
        bases: [idAt(position + 1)],
        archive,
      },
      { kind: 'held out', weights: at(position), words: 'between', bases: around, archive: without },
      {
        kind: 'held out, bf16',
        weights: alter.toBf16(at(position)),
        words: 'cast+between',
        bases: around,
        archive: without,
      },
    ];
  });
}

function strangers(archive: Archive): Question[] {
  return Array.from({ length: STRANGERS }, (_, i) => {
    const run = trainRun({ seed: 5000 + i, epochs: EPOCHS });
    const weights = run.at(-1) ?? new Map();
    const kinds: readonly (readonly [string, Weights])[] = [
      ['stranger', weights],
      ['stranger, pruned 80 %', alter.prune(weights, 0.8)],
      ['stranger, int4', alter.quantize(weights, 7, alter.perTensor)],
      ['stranger, permuted', reorderUnits(weights, graphOf(weights), { seed: i })],
    ];
    return kinds.map(([kind, altered]) => ({ kind, weights: altered, words: 'unrelated', bases: [], archive }));
  }).flat();
}

/** The nearest stored checkpoint by a plain measure over the raw weights: what there is without any of this. */
function nearestBy(
  measure: (near: ReturnType<typeof nearness>) => number,
  question: Question,
  all: readonly MemoryEntry[],
): string {
  const known = new Set(question.archive.members.map(({ id }) => id));
  let best = { id: '', value: Number.POSITIVE_INFINITY };
  for (const { id, weights } of all) {
    if (!known.has(id)) continue;
    const value = measure(nearness(question.weights, weights));
    if (value < best.value) best = { id, value };
  }
  return best.id;
}

function count(score: Score, question: Question, answer: Identification, all: readonly MemoryEntry[]): void {
  const isStranger = question.bases.length === 0;
  score.asked++;
  score.known += answer.known ? 1 : 0;
  score.base += isStranger || (answer.nearest && question.bases.includes(answer.nearest.id)) ? 1 : 0;
  score.word += answer.relation === question.words ? 1 : 0;
  if (isStranger) return;
  score.byDistance += question.bases.includes(nearestBy((near) => near.relativeDistance, question, all)) ? 1 : 0;
  score.byCosine += question.bases.includes(nearestBy((near) => -near.cosine, question, all)) ? 1 : 0;
}

const share = (part: number, whole: number) => (whole === 0 ? '-' : (part / whole).toFixed(3));

/** Scores identification on a zoo that it trains itself; about two minutes. */
export async function benchLineageIdentify() {
  const runs = Array.from({ length: RUNS }, (_, i) => trainRun({ seed: 300 + i, epochs: EPOCHS }));
  const members: MemoryEntry[][] = [];
  for (const [i, run] of runs.entries()) members.push(await membersOf(i, run));
  const all = members.flat();
  const questions = [
    ...runs.flatMap((run, i) => aboutRun(run, members[i] ?? [], all, i)),
    ...strangers(memoryArchive(all)),
  ];
  const scores = new Map<string, Score>();
  for (const question of questions) {
    const score = scores.get(question.kind) ?? {
      asked: 0,
      known: 0,
      base: 0,
      word: 0,
      byDistance: 0,
      byCosine: 0,
      ms: [],
    };
    scores.set(question.kind, score);
    const query = await queryOf(question.weights);
    const start = performance.now();
    const answer = await identifyCheckpoint(query, question.archive);
    score.ms.push(performance.now() - start);
    count(score, question, answer, all);
  }
  return { title: TITLE, columns: COLUMNS, rows: [...scores].map(toRow) };
}

const TITLE = `Identification, not told the kind: ${RUNS} runs of ${EPOCHS + 1} checkpoints (MLP of 814 weights), strangers of the same architecture`;
const COLUMNS = [
  'query',
  'asked',
  'known',
  'base right',
  'word right',
  'nearest by raw distance',
  'nearest by cosine',
  'ms (median)',
] as const;

function toRow([kind, score]: readonly [string, Score]): readonly string[] {
  const isStranger = kind.startsWith('stranger');
  return [
    kind,
    String(score.asked),
    share(score.known, score.asked),
    isStranger ? '-' : share(score.base, score.asked),
    share(score.word, score.asked),
    isStranger ? '-' : share(score.byDistance, score.asked),
    isStranger ? '-' : share(score.byCosine, score.asked),
    ([...score.ms].sort((a, b) => a - b)[score.ms.length >> 1] ?? 0).toFixed(0),
  ];
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { title, columns, rows } = await benchLineageIdentify();
  const lines = [columns, columns.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  process.stdout.write(`${title}\n\n${lines.join('\n')}\n`);
}
