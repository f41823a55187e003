import { bringInto } from '../diff/bring-into.ts';
import type { ManifestId } from '../objects/ids.ts';
import { type AttentionPair, findAttentionPairs, multiplyPair, tensorsOf } from '../symmetry/attention-products.ts';
import type { WeightArray, Weights } from '../tensors/weights.ts';
import { readAlterations } from './alterations.ts';
import { type Case, type Ranked, rank } from './case.ts';
import { sampleRows } from './sample-rows.ts';
import { isUnrelatedInPlace } from './unplaced-units.ts';

/** A case in which layers of attention are compared by their products. */
export interface RotatedAttention {
  readonly subject: Case;
  readonly ranked: readonly Ranked[];
  readonly note: string;
}

/**
 * Looks for attention whose matrices were multiplied by others that cancel: between query and key, or value and output, any invertible matrix may be
 * put in each head. Nothing then stands where it stood, but the products do; they are compared instead.
 */
export async function findRotatedAttention(
  subject: Case,
  ranked: readonly Ranked[],
): Promise<RotatedAttention | undefined> {
  const { frame } = subject;
  const base = ranked[0];
  if (!base) return undefined;
  const candidate = await asStored(subject, base.id);
  const pairs = findAttentionPairs(frame.query).filter((pair) => isRotated(frame.query, candidate, pair));
  const gone = tensorsOf(pairs);
  if (gone.size === 0) return undefined;
  const rotated = foldCase(subject, pairs, gone);
  return {
    subject: rotated,
    ranked: await rank(
      rotated,
      ranked.map(({ id }) => id),
    ),
    note: `${pairs.length} pairs of attention layers differ by matrices that cancel: their products were compared.`,
  };
}

/** A candidate under the query's names, its axes as they are stored: of rotated matrices the values cannot tell how they are turned. */
async function asStored({ frame, archive }: Case, id: ManifestId): Promise<Weights> {
  const { matching } = await frame.candidate(id);
  return bringInto(
    matching.pairs.map(({ query, candidate }) => ({ query, candidate })),
    await archive.weights(id),
  );
}

/** The tensors have nothing to do with those at their place, and their product has. */
function isRotated(query: Weights, candidate: Weights, pair: AttentionPair): boolean {
  const isMoved = [pair.first.weight, pair.second.weight].some((name) => {
    const [own, other] = [query.get(name), candidate.get(name)];
    return own !== undefined && other !== undefined && isUnrelatedInPlace(own, other);
  });
  if (!isMoved) return false;
  const [own, other] = [multiplyPair(query, pair), multiplyPair(candidate, pair)];
  return own !== undefined && other !== undefined && !isUnrelatedInPlace(own, other);
}

function foldCase(subject: Case, pairs: readonly AttentionPair[], gone: ReadonlySet<string>): Case {
  const { frame } = subject;
  const fold = (sample: Weights, whole: Weights): Weights => {
    const products = pairs.flatMap((pair): [string, WeightArray][] => {
      const product = multiplyPair(whole, pair);
      return product ? [[pair.name, product]] : [];
    });
    return new Map([...[...sample].filter(([name]) => !gone.has(name)), ...products]);
  };
  const cache = new Map<ManifestId, Promise<Weights>>();
  const load = async (id: ManifestId) => {
    return fold(sampleRows(await (await frame.candidate(id)).whole()), await asStored(subject, id));
  };
  const sample = fold(frame.sample, frame.query);
  return {
    ...subject,
    frame: { ...frame, sample },
    facts: readAlterations(sample),
    weightsOf(id) {
      const weights = cache.get(id) ?? load(id);
      cache.set(id, weights);
      return weights;
    },
  };
}
