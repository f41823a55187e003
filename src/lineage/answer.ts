import type { ContentId, ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import type { Case, Ranked } from './case.ts';
import { logChanceOfContent } from './chance-of-content.ts';
import { confidenceOfKnown, confidenceOfUnknown } from './confidence.ts';
import type { ContentMatch } from './contents.ts';
import { type Decision, decideRelation } from './decide-relation.ts';
import { nearness } from './likelihood.ts';
import type { Archive, Identification, NearMember, Query, TensorMatch } from './model.ts';
import type { Proof } from './prove-kinship.ts';
import { joinWords, type RelationWord } from './relation.ts';
import { findCopiedTensors, matchEveryTensor } from './tensor-matches.ts';

/** Where the search for a relative ended. */
export interface SearchState {
  readonly subject: Case;
  readonly ranked: readonly Ranked[];
  readonly proof: Proof;
  /** Words that the search found: permuted, rescaled. */
  readonly words: readonly RelationWord[];
  /** What the search itself decided. */
  readonly decision?: Decision;
}

/** The answer where contents are equal. */
export function answerFromContent(
  { summary }: Query,
  { member, relation, others }: ContentMatch,
  archive: Archive,
): Identification {
  const near: NearMember = { id: member.id, relativeDistance: 0, cosine: 1 };
  const weights = summary.tensors.filter((tensor) => tensor.role === 'weight');
  const stored = new Map(member.summary.tensors.map((tensor) => [tensor.content, tensor.name]));
  const named = new Map(member.summary.tensors.map((tensor) => [tensor.name, tensor.content]));
  return {
    known: true,
    relation,
    direction: 'unknown',
    nearest: near,
    ...placeOf(member.trajectory, member.position),
    parents: [{ id: member.id, weight: 1 }],
    confidence: 0.9999,
    logPValue: Math.min(0, logChanceOfContent(summary) + Math.log(archive.members.length)),
    candidates: [near],
    tensors: weights.map(({ name, content }) => ({
      name,
      match: { id: member.id, tensor: named.get(name) === content ? name : (stored.get(content) ?? name) },
      kind: 'identical',
    })),
    notes: [
      ...(others > 0 ? [`${others} other stored checkpoints hold the same weights.`] : []),
      ...noteExchanged(weights, named),
    ],
  };
}

/** Layers that stand in another order compute something else. */
function noteExchanged(weights: Summary['tensors'], named: ReadonlyMap<string, ContentId>): readonly string[] {
  const moved = weights.filter(({ name, content }) => named.has(name) && named.get(name) !== content);
  if (moved.length === 0) return [];
  const names = moved.slice(0, 3).map(({ name }) => name);
  return [
    `${moved.length} tensors stand under the names of others (${names.join(', ')}): layers are in another order.`,
  ];
}

function placeOf(trajectory: string | undefined, position: number | undefined) {
  return { ...(trajectory === undefined ? {} : { trajectory }), ...(position === undefined ? {} : { position }) };
}

/** The answer about a query that has a relative, with the relation decided. */
export async function answerKnown(state: SearchState, limit: number): Promise<Identification> {
  const { subject, ranked, proof, words } = state;
  const decision = state.decision ?? (await decideRelation(subject, { ranked, words }));
  const member = subject.archive.member(decision.base);
  const near = await nearTo(subject, decision.base);
  return {
    known: true,
    relation: joinWords(decision.words),
    direction: decision.direction ?? 'forward',
    nearest: near,
    ...(decision.words.includes('merged') || member.trajectory === undefined
      ? {}
      : placeOf(member.trajectory, decision.position)),
    parents: decision.parents,
    ...confidenceOfKnown(proof, decision, decision.ranked),
    ...(proof.logPValue === undefined ? {} : { logPValue: proof.logPValue }),
    candidates: [
      near,
      ...(await listCandidates(subject, decision.ranked, limit)).filter(({ id }) => id !== near.id),
    ].slice(0, limit),
    tensors: await matchEveryTensor(subject, decision),
    ...(decision.folded ? { folded: decision.folded } : {}),
    notes: [...proof.notes, ...decision.notes],
  };
}

async function nearTo(subject: Case, id: ManifestId): Promise<NearMember> {
  return { id, ...nearness(subject.frame.sample, await subject.weightsOf(id)) };
}

async function listCandidates(subject: Case, ranked: readonly Ranked[], limit: number): Promise<readonly NearMember[]> {
  const near: NearMember[] = [];
  for (const { id } of ranked.slice(0, limit)) near.push(await nearTo(subject, id));
  return near;
}

/** The answer about a query that has none, as far as could be tested. */
export async function answerUnknown(
  state: SearchState | undefined,
  query: Query,
  archive: Archive,
  limit: number,
): Promise<Identification> {
  const names = state ? [...state.subject.frame.query.keys()].map((name) => state.subject.frame.nameInQuery(name)) : [];
  const proof = state?.proof;
  const copies = findCopiedTensors(query, archive);
  return {
    known: false,
    relation: 'unrelated',
    direction: 'unknown',
    parents: [],
    confidence: confidenceOfUnknown({
      zOfCopy: proof?.zOfCopy ?? 0,
      lostOrderTested: (state?.subject.frame.graph.tensors.size ?? 0) > 0,
      nothingComparable: state === undefined && query.summary.parameters > 0,
    }),
    ...(proof?.logPValue === undefined ? {} : { logPValue: proof.logPValue }),
    candidates: state ? await listCandidates(state.subject, state.ranked, limit) : [],
    tensors: names.map((name) => copies.get(name) ?? { name, match: null, kind: 'new' }),
    notes: [
      ...(proof?.notes ??
        (archive.members.length === 0 ? ['Nothing is stored yet.'] : ['Nothing stored has tensors of these shapes.'])),
      ...noteCopies(copies),
    ],
  };
}

function noteCopies(copies: ReadonlyMap<string, TensorMatch>): readonly string[] {
  if (copies.size === 0) return [];
  const names = [...copies.keys()].slice(0, 3).join(', ');
  return [`Stored checkpoints hold ${copies.size} of its tensors value by value (${names}): --tensors says which.`];
}
