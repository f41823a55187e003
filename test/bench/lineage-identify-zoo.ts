import { identifyCheckpoint } from '../../src/lineage/identify.ts';
import { memoryArchive } from '../../src/lineage/memory-archive.ts';
import type { Archive } from '../../src/lineage/model.ts';
import { average } from '../lineage/alter.ts';
import { createRandom } from '../zoo/random.ts';
import type { Trained } from './lineage-forest.ts';
import {
  count,
  describeWrong,
  emptyScore,
  type Question,
  type Score,
  statedBy,
  toRow,
} from './lineage-identify-score.ts';
import { askAbout, placeTruly, type TrueMember } from './members.ts';
import { alterAll } from './questions.ts';
import { alterTransformer } from './questions-transformer.ts';
import type { Stated } from './reliability.ts';
import { type StoredVector, toVectors } from './standard-methods.ts';
import type { BenchTable } from './table.ts';

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
  async aboutOne(run: number, checkpoint: number, seed: number): Promise<readonly Question[]> {
    const member = this.member(run, checkpoint);
    const { weights, graph } = member.entry;
    const { scene } = this.trained.zoo;
    const altered = [
      ...alterAll(weights, graph, scene, seed),
      ...(await alterTransformer(weights, graph, scene, seed)),
    ];
    return altered.map(({ word, also, ...rest }) => ({
      ...rest,
      words: [word, ...(also === undefined ? [] : [also])],
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

  async questions(count: number, seed: number): Promise<readonly Question[]> {
    const random = createRandom(seed + 5);
    const trunks = this.trained.zoo.runs.filter(({ from }) => from === undefined);
    const chosen = Array.from({ length: count }, (_, i) => {
      const run = i % trunks.length;
      const last = (trunks[run]?.checkpoints.length ?? 0) - 1;
      return [run, 2 + Math.floor(random() * (last - 4))] as const;
    });
    const single: Question[] = [];
    for (const [i, [run, checkpoint]] of chosen.entries())
      single.push(...(await this.aboutOne(run, checkpoint, 31 * seed + i)));
    return [
      ...single,
      ...chosen.flatMap(([run, checkpoint]) => this.averages(run, checkpoint)),
      ...this.soups().slice(0, 2 * count),
      ...this.newForks(),
    ];
  }
}

/** Asks about altered checkpoints of a zoo, not told how they were altered; adds what the answers state of themselves to `stated`. */
export async function benchIdentify(
  trained: Trained,
  asked: number,
  seed: number,
  stated: Stated[] = [],
): Promise<BenchTable> {
  const scores = new Map<string, Score>();
  const notes: string[] = [];
  for (const question of await new Examiner(trained).questions(asked, seed)) {
    const score = scores.get(question.kind) ?? emptyScore();
    scores.set(question.kind, score);
    const query = await askAbout(question.weights, question.dtype);
    const start = performance.now();
    const answer = await identifyCheckpoint(query, question.archive);
    score.ms.push(performance.now() - start);
    stated.push(...statedBy(question, answer));
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
