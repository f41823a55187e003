import type { ManifestId } from '../objects/ids.ts';
import type { Weights } from '../tensors/weights.ts';
import { readAlterations, type TensorFacts } from './alterations.ts';
import type { Case, Ranked } from './case.ts';
import type { Decision } from './decide-relation.ts';
import { haveAsManyTensors, noteFolds } from './folded-case.ts';
import { type FoldedCopy, findFoldedCopy } from './folded-copy.ts';
import { LOG_ALPHA } from './judge-kinship.ts';
import type { Proof } from './prove-kinship.ts';
import type { RelationWord } from './relation.ts';
import { roundings } from './tolerance.ts';
import { valueWords } from './value-words.ts';

/** What is known of a query that differs from a stored checkpoint by folded normalisations. */
export interface Folded {
  readonly proof: Proof;
  readonly decision: Decision;
}

/** Looks for a candidate whose normalisations were folded to make the query, or that was made from the query so. */
export async function findFolded(subject: Case, ranked: readonly Ranked[]): Promise<Folded | undefined> {
  const query = await subject.query.weights();
  for (const { id } of ranked) {
    if (haveAsManyTensors(subject.query.summary, subject.archive.member(id).summary)) continue;
    const stored = await subject.archive.weights(id);
    const found =
      foldOne(query, stored, readAlterations, 'forward') ?? foldOne(stored, query, readAlterations, 'backward');
    if (!found) continue;
    const logPValue = Math.min(0, found.copy.logPValue + Math.log(ranked.length));
    if (logPValue < LOG_ALPHA) return answerFolded(subject, id, ranked, found, logPValue);
  }
  return undefined;
}

interface Fold {
  readonly copy: FoldedCopy;
  readonly words: readonly RelationWord[];
  readonly direction: 'forward' | 'backward';
}

function foldOne(
  folded: Weights,
  plain: Weights,
  factsOf: (weights: Weights) => ReadonlyMap<string, TensorFacts>,
  direction: Fold['direction'],
): Fold | undefined {
  if (folded.size >= plain.size) return undefined;
  const facts = factsOf(folded);
  const copy = findFoldedCopy(folded, plain, roundings(facts, folded, 0));
  if (!copy) return undefined;
  return { copy, words: ['rescaled', ...valueWords(folded, copy.weights, facts, factsOf(copy.weights))], direction };
}

function answerFolded(
  subject: Case,
  id: ManifestId,
  ranked: readonly Ranked[],
  { copy, words, direction }: Fold,
  logPValue: number,
): Folded {
  const { position } = subject.archive.member(id);
  return {
    proof: { isKnown: true, by: 'exact copy', logPValue, zOfCopy: 0, notes: [] },
    decision: {
      base: id,
      words,
      ranked: [...ranked.filter((other) => other.id === id), ...ranked.filter((other) => other.id !== id)],
      names: [...subject.frame.sample.keys()],
      direction,
      ...(position === undefined ? {} : { position }),
      parents: [{ id, weight: 1 }],
      sureness: 0.999,
      notes: [noteFolds(copy.layers)],
      folded: copy.layers,
    },
  };
}
