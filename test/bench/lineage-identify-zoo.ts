import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive, Identification } from '../../src/lineage/model.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { average } from '../lineage/alter.ts';
import { createRandom } from '../zoo/random.ts';
import type { Trained } from './lineage-forest.ts';
import { askAbout, placeTruly, type TrueMember } from './members.ts';
import { alterAll } from './questions.ts';
import { nearestStored, type StoredVector, toVectors } from './standard-methods.ts';
import { type BenchTable, formatShare } from './table.ts';
import { medianOf } from './timing.ts';

/** A question with its right answer. */
interface Question {
  readonly kind: string;
  readonly weights: Weights;
  readonly dtype?: DType;
  /** Any of these words is right. */
  readonly words: readonly string[];
  readonly parents: readonly { readonly member: TrueMember; readonly weight: number }[];
  readonly archive: Archive;
  readonly stored: readonly StoredVector[];
}

interface Score {
  asked: number;
  known: number;
  run: number;
  base: number;
  word: number;
  byDistance: number;
  byCosine: number;
  readonly ms: number[];
  readonly wrongWords: Map<string, number>;
  readonly coefficientErrors: number[];
}

const emptyScore = (): Score => ({
  asked: 0,
  known: 0,
  run: 0,
  base: 0,
  word: 0,
  byDistance: 0,
  byCosine: 0,
  ms: [],
  wrongWords: new Map(),
  coefficientErrors: [],
});

/** Everything that is asked about a zoo. */
class Examiner {
  readonly trained: Trained;
  readonly archive: Archive;
  readonly stored: readonly StoredVector[];

  constructor(trained: Trained) {
    this.trained = trained;
    this.archive = memoryArchive(placeTruly(trained.members));
    this.stored = toVectors(trained.members);
  }

  member(run: number, checkpoint: number): TrueMember {
    const found = this.trained.members.find((member) => member.run === run && member.checkpoint === checkpoint);
    if (found === undefined) throw new Error(`The zoo has no checkpoint ${run}@${checkpoint}.`);
    return found;
  }

  /** One stored checkpoint, altered in every way. */
  aboutOne(run: number, checkpoint: number, seed: number): readonly Question[] {
    const member = this.member(run, checkpoint);
    const { weights, graph } = member.entry;
    return alterAll(weights, graph, this.trained.zoo.scene, seed).map(({ word, ...rest }) => ({
      ...rest,
      words: [word],
      parents: [{ member, weight: 1 }],
      archive: this.archive,
      stored: this.stored,
    }));
  }

  mixture(kind: string, word: string, parts: readonly (readonly [TrueMember, number])[]): Question {
    return {
      kind,
      weights: average(
        parts.map(([member]) => member.entry.weights),
        parts.map(([, weight]) => weight),
      ),
      words: [word],
      parents: parts.map(([member, weight]) => ({ member, weight })),
      archive: this.archive,
      stored: this.stored,
    };
  }

  averages(run: number, checkpoint: number): readonly Question[] {
    const near = [-1, 0, 1].map((step) => this.member(run, checkpoint + step));
    const swa = Array.from({ length: 5 }, (_, i) => this.member(run, checkpoint - 2 + i));
    const [a, b, c] = near;
    if (!a || !b || !c) return [];
    return [
      this.mixture('average .2 .3 .5 of a run', 'averaged', [
        [a, 0.2],
        [b, 0.3],
        [c, 0.5],
      ]),
      this.mixture(
        'average of five of a run',
        'averaged',
        swa.map((member) => [member, 0.2]),
      ),
    ];
  }

  /** Two fine-tunes, and three with their base: their last checkpoints, mixed. */
  soups(): readonly Question[] {
    const { runs } = this.trained.zoo;
    const tips = runs.flatMap(({ from, checkpoints }, run) =>
      from ? [{ from, tip: this.member(run, checkpoints.length - 1) }] : [],
    );
    return tips.slice(1).flatMap(({ from, tip }, i) => {
      const other = tips[i];
      if (other === undefined) return [];
      const base = this.member(from.run, from.checkpoint);
      return [
        this.mixture('soup .6 .4 of two fine-tunes', 'merged', [
          [tip, 0.6],
          [other.tip, 0.4],
        ]),
        this.mixture('base, two task vectors at .4', 'merged', [
          [base, 0.2],
          [tip, 0.4],
          [other.tip, 0.4],
        ]),
      ];
    });
  }

  /** The first checkpoint of a fork of which nothing is stored. */
  newForks(): readonly Question[] {
    return this.trained.zoo.runs.flatMap(({ from, fork }, run) => {
      if (from === undefined) return [];
      const kept = this.trained.members.filter((member) => member.run !== run);
      return [
        {
          kind: `first of a new fork (${fork})`,
          weights: this.member(run, 0).entry.weights,
          words: ['forked', 'fine-tuned'],
          parents: [{ member: this.member(from.run, from.checkpoint), weight: 1 }],
          archive: memoryArchive(placeTruly(kept)),
          stored: toVectors(kept),
        },
      ];
    });
  }

  questions(count: number, seed: number): readonly Question[] {
    const random = createRandom(seed + 5);
    const trunks = this.trained.zoo.runs.filter(({ from }) => from === undefined);
    const chosen = Array.from({ length: count }, (_, i) => {
      const run = i % trunks.length;
      const last = (trunks[run]?.checkpoints.length ?? 0) - 1;
      return [run, 2 + Math.floor(random() * (last - 4))] as const;
    });
    return [
      ...chosen.flatMap(([run, checkpoint], i) => this.aboutOne(run, checkpoint, 31 * seed + i)),
      ...chosen.flatMap(([run, checkpoint]) => this.averages(run, checkpoint)),
      ...this.soups().slice(0, 2 * count),
      ...this.newForks(),
    ];
  }
}

/** The largest error of a coefficient; absent unless exactly the true parents are named. */
function coefficientError(question: Question, answer: Identification): number | undefined {
  const named = new Map(answer.parents.map(({ id, weight }) => [id, weight]));
  if (named.size !== question.parents.length) return undefined;
  const errors = question.parents.map(({ member, weight }) =>
    Math.abs((named.get(member.entry.id) ?? Number.NaN) - weight),
  );
  return errors.some(Number.isNaN) ? undefined : Math.max(...errors);
}

function count(score: Score, question: Question, answer: Identification): void {
  const ids = new Set(question.parents.map(({ member }) => member.entry.id));
  const runs = new Set(question.parents.map(({ member }) => member.run));
  const nearest =
    answer.nearest && question.stored.find(({ member }) => member.entry.id === answer.nearest?.id)?.member;
  const isWordRight = question.words.includes(answer.relation);
  const isMixture = question.parents.length > 1;
  const error = coefficientError(question, answer);
  score.asked++;
  score.known += answer.known ? 1 : 0;
  score.run += nearest && runs.has(nearest.run) ? 1 : 0;
  score.base += (isMixture ? error !== undefined : nearest && ids.has(nearest.entry.id)) ? 1 : 0;
  score.word += isWordRight ? 1 : 0;
  if (isMixture && error !== undefined) score.coefficientErrors.push(error);
  if (!isWordRight) score.wrongWords.set(answer.relation, (score.wrongWords.get(answer.relation) ?? 0) + 1);
  for (const [key, measure] of [
    ['byDistance', 'distance'],
    ['byCosine', 'cosine'],
  ] as const) {
    const plain = nearestStored(question.weights, question.stored, measure);
    score[key] += plain && ids.has(plain.entry.id) ? 1 : 0;
  }
}

function toRow([kind, score]: readonly [string, Score]): readonly string[] {
  const { asked, coefficientErrors } = score;
  return [
    kind,
    String(asked),
    formatShare(score.known, asked),
    formatShare(score.run, asked),
    formatShare(score.base, asked),
    formatShare(score.word, asked),
    [...score.wrongWords].map(([word, times]) => `${word} ×${times}`).join(', ') || '-',
    coefficientErrors.length === 0 ? '-' : Math.max(...coefficientErrors).toExponential(0),
    formatShare(score.byDistance, asked),
    formatShare(score.byCosine, asked),
    medianOf(score.ms).toFixed(0),
  ];
}

/** Asks about altered checkpoints of a zoo, not told how they were altered. */
export async function benchIdentify(trained: Trained, asked: number, seed: number): Promise<BenchTable> {
  const scores = new Map<string, Score>();
  const notes: string[] = [];
  for (const question of new Examiner(trained).questions(asked, seed)) {
    const score = scores.get(question.kind) ?? emptyScore();
    scores.set(question.kind, score);
    const query = await askAbout(question.weights, question.dtype);
    const start = performance.now();
    const answer = await identifyCheckpoint(query, question.archive);
    score.ms.push(performance.now() - start);
    const before = score.base;
    count(score, question, answer);
    if (score.base === before) notes.push(describeWrong(question, answer));
  }
  const members = trained.members.length;
  return {
    title: `Lineage: identification among ${members} checkpoints, not told the kind (${trained.zoo.scene.name})`,
    columns: [
      'query',
      'asked',
      'known',
      'run right',
      'base exact',
      'word right',
      'other words',
      'coefficients, largest error',
      'nearest by L2',
      'nearest by cosine',
      'ms (median)',
    ],
    rows: [...scores].map(toRow),
    notes: ['For mixtures “base exact” asks for exactly the true parents. “Nearest” counts any of them.', ...notes],
  };
}

function describeWrong({ kind, parents, stored }: Question, answer: Identification): string {
  const place = (member: TrueMember | undefined) => (member ? `${member.run}@${member.checkpoint}` : '?');
  const find = (id: string | undefined) => stored.find(({ member }) => member.entry.id === id)?.member;
  const truth = parents.map(({ member, weight }) => `${place(member)} ${weight}`).join(', ');
  const said = answer.known
    ? answer.parents.map(({ id, weight }) => `${place(find(id))} ${weight.toFixed(3)}`).join(', ')
    : 'unknown';
  return `${kind}: true ${truth}; answered ${said} (${answer.relation}, ${answer.confidence.toFixed(2)}).`;
}
