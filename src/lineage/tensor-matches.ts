import { sourceName } from '../diff/tensor-pair.ts';
import type { ContentId } from '../objects/ids.ts';
import type { WeightArray } from '../tensors/weights.ts';
import type { Case } from './case.ts';
import { holdersOf } from './contents.ts';
import type { Decision } from './decide-relation.ts';
import type { Candidate } from './frame.ts';
import type { Archive, Member, Query, TensorMatch } from './model.ts';
import { isUnrelatedInPlace } from './unplaced-units.ts';

/** Says of every tensor of a known query what it comes from: its base, another stored checkpoint, or nothing. */
export async function matchEveryTensor(subject: Case, decision: Decision): Promise<readonly TensorMatch[]> {
  const { frame } = subject;
  const base = await frame.candidate(decision.base);
  const isPermuted = decision.words.includes('permuted');
  const sources = await foreignSources(subject, decision);
  const copies = findCopiedTensors(subject.query, subject.archive);
  const fromBase = new Set(decision.names);
  return [...frame.query.keys()].map((frameName) => {
    const name = frame.nameInQuery(frameName);
    const foreign = sources.get(frameName);
    const other = copies.get(name) ?? { name, match: null, kind: 'new' };
    if (foreign) return matchIn(frame.query, name, frameName, foreign, false) ?? other;
    if (!fromBase.has(frameName)) return other;
    const isMoved = isPermuted && (frame.graph.tensors.has(frameName) || isOutOfPlace(frame.query, base, frameName));
    return matchIn(frame.query, name, frameName, base, isMoved) ?? other;
  });
}

/** Tensors of a query that stand in a stored checkpoint value by value, wherever the rest comes from. */
export function findCopiedTensors({ summary }: Query, archive: Archive): ReadonlyMap<string, TensorMatch> {
  const holders = holdersOf(summary, archive);
  const named = new Map<Member, ReadonlyMap<ContentId, string>>();
  return new Map(
    summary.tensors.flatMap(({ name, content }): [string, TensorMatch][] => {
      const holder = content && holders.get(content)?.find((member) => member.summary !== summary);
      if (!holder) return [];
      const names = named.get(holder) ?? namesByContent(holder);
      named.set(holder, names);
      const tensor = names.get(content);
      return tensor === undefined ? [] : [[name, { name, match: { id: holder.id, tensor }, kind: 'identical' }]];
    }),
  );
}

/** The first tensor of each content. */
function namesByContent({ summary }: Member): ReadonlyMap<ContentId, string> {
  return new Map([...summary.tensors].reverse().map(({ content, name }) => [content, name]));
}

async function foreignSources(subject: Case, decision: Decision): Promise<ReadonlyMap<string, Candidate>> {
  const sources = new Map<string, Candidate>();
  for (const { id, names } of decision.foreign ?? []) {
    const candidate = await subject.frame.candidate(id);
    for (const name of names) sources.set(name, candidate);
  }
  return sources;
}

/** Units that no graph places moved: nothing stands where it stood. */
function isOutOfPlace(query: ReadonlyMap<string, WeightArray>, base: Candidate, name: string): boolean {
  const [own, other] = [query.get(name), base.sample.get(name)];
  return own !== undefined && other !== undefined && isUnrelatedInPlace(own, other);
}

function matchIn(
  query: ReadonlyMap<string, WeightArray>,
  name: string,
  frameName: string,
  candidate: Candidate,
  permuted: boolean,
): TensorMatch | undefined {
  const tensor = sourceName(candidate.matching.pairs, frameName);
  if (tensor === undefined) return undefined;
  const match = { id: candidate.id, tensor };
  const [a, b] = [query.get(frameName)?.data, candidate.sample.get(frameName)?.data];
  if (a && b && a.length === b.length && a.every((x, i) => Object.is(x, b[i]) || x === b[i]))
    return { name, match, kind: 'identical' };
  return { name, match, kind: permuted ? 'permuted' : 'changed' };
}
