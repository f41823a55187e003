import type { Archive, Identification } from '../../src/lineage/model.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import type { TrueMember } from './members.ts';
import type { Stated } from './reliability.ts';
import { nearestStored, type StoredVector } from './standard-methods.ts';
import { formatShare } from './table.ts';
import { medianOf } from './timing.ts';

/** A question with its right answer. */
export interface Question {
  readonly kind: string;
  readonly weights: Weights;
  readonly dtype?: DType;
  /** Any of these words is right. */
  readonly words: readonly string[];
  readonly parents: readonly { readonly member: TrueMember; readonly weight: number }[];
  readonly archive: Archive;
  readonly stored: readonly StoredVector[];
}

/** What became of all questions of a kind. */
export interface Score {
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

export const emptyScore = (): Score => ({
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

/** The largest error of a coefficient; absent unless exactly the true parents are named. */
function coefficientError(question: Question, answer: Identification): number | undefined {
  const named = new Map(answer.parents.map(({ id, weight }) => [id, weight]));
  if (named.size !== question.parents.length) return undefined;
  const errors = question.parents.map(({ member, weight }) =>
    Math.abs((named.get(member.entry.id) ?? Number.NaN) - weight),
  );
  return errors.some(Number.isNaN) ? undefined : Math.max(...errors);
}

/** Counts an answer. */
export function count(score: Score, question: Question, answer: Identification): void {
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

/** A row of the table. */
export function toRow([kind, score]: readonly [string, Score]): readonly string[] {
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

/** A sentence about a wrong answer. */
export function describeWrong({ kind, parents, stored }: Question, answer: Identification): string {
  const place = (member: TrueMember | undefined) => (member ? `${member.run}@${member.checkpoint}` : '?');
  const find = (id: string | undefined) => stored.find(({ member }) => member.entry.id === id)?.member;
  const truth = parents.map(({ member, weight }) => `${place(member)} ${weight}`).join(', ');
  const said = answer.known
    ? answer.parents.map(({ id, weight }) => `${place(find(id))} ${weight.toFixed(3)}`).join(', ')
    : 'unknown';
  return `${kind}: true ${truth}; answered ${said} (${answer.relation}, ${answer.confidence.toFixed(2)}).`;
}

const FIRST_OF_FORK = 'first of a new fork';

/** What an answer stated of itself. */
export function statedBy(question: Question, answer: Identification): readonly Stated[] {
  const ids = new Set(question.parents.map(({ member }) => member.entry.id));
  const isMixture = question.parents.length > 1;
  const nearest = answer.nearest?.id;
  const isBaseRight = isMixture
    ? coefficientError(question, answer) !== undefined
    : nearest !== undefined && ids.has(nearest);
  const isWordRight = question.words.includes(answer.relation);
  const kind = question.kind.startsWith(FIRST_OF_FORK)
    ? 'identification of what was trained'
    : 'identification of copies';
  const found = question.stored.find(({ member }) => member.entry.id === nearest)?.member;
  const [truth] = question.parents;
  const isNear =
    found?.run === truth?.member.run && Math.abs((found?.checkpoint ?? 99) - (truth?.member.checkpoint ?? 0)) <= 1;
  const within = answer.confidenceWithinOne;
  return [
    { what: kind, confidence: answer.confidence, isRight: isBaseRight && isWordRight },
    ...(within === undefined
      ? []
      : [{ what: 'its base, give or take one', confidence: within, isRight: isNear && isWordRight }]),
  ];
}
