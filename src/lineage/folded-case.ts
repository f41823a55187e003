import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { applyFolds, type FoldPlan } from './apply-folds.ts';
import { comparedTensors } from './contents.ts';
import { DIRECTION_NOTES } from './decide-relation.ts';
import { planFolds } from './fold-plan.ts';
import type { FoldedLayer } from './folded-copy.ts';
import type { Archive, Identification, Query } from './model.ts';
import { joinWords, RELATION_WORDS } from './relation.ts';
import { sampleEach } from './sample-rows.ts';

/** A query and the stored checkpoints of one space, of which one side was folded to resemble the other. */
export interface FoldedCase {
  readonly query: Query;
  readonly archive: Archive;
  readonly ids: readonly ManifestId[];
  readonly layers: readonly FoldedLayer[];
  /** `forward`: the query is what is folded. */
  readonly direction: 'forward' | 'backward';
}

/** Candidates that are asked whether a fold makes them resemble the query. */
const ASKED = 3;

/** True for checkpoints of as many tensors: with normalisations folded one of them has fewer. */
export function haveAsManyTensors(a: Summary, b: Summary): boolean {
  return comparedTensors(a).length === comparedTensors(b).length;
}

/**
 * Looks for a candidate that has normalisations where the query has none, or the other way round, and folds them into the layers before them: rounded,
 * noisy or trained on since, a folded checkpoint is then compared like any other.
 */
export async function openFolded(
  query: Query,
  archive: Archive,
  ids: readonly ManifestId[],
): Promise<FoldedCase | undefined> {
  const own = await query.weights();
  for (const id of ids.slice(0, ASKED)) {
    if (haveAsManyTensors(query.summary, archive.member(id).summary)) continue;
    const stored = await archive.weights(id);
    const { space } = archive.member(id).summary;
    const alike = ids.filter((other) => archive.member(other).summary.space === space);
    if (own.size < stored.size) {
      const plan = planFolds(stored, own);
      if (plan)
        return { ...foldStored(query, archive, plan), ids: alike, layers: layersOf(plan), direction: 'forward' };
    } else if (own.size > stored.size) {
      const plan = planFolds(own, stored);
      const layers = plan && layersOf(plan);
      if (plan && layers)
        return { query: withChoices(foldQuery(query, plan), plan), archive, ids: alike, layers, direction: 'backward' };
    }
  }
  return undefined;
}

function layersOf({ steps }: FoldPlan): readonly FoldedLayer[] {
  return steps.map(({ matrix, folded, norm }) => ({ plain: matrix, folded, norm }));
}

function withChoices(query: Query, { logChoices }: FoldPlan): Query {
  return { ...query, logChoices: (query.logChoices ?? 0) + logChoices + Math.log(ASKED) };
}

function foldQuery(query: Query, plan: FoldPlan): Query {
  return { ...query, weights: async () => applyFolds(plan, await query.weights()) };
}

function foldStored(query: Query, archive: Archive, plan: FoldPlan): Pick<FoldedCase, 'query' | 'archive'> {
  const weights = async (id: ManifestId) => applyFolds(plan, await archive.weights(id));
  return {
    query: withChoices(query, plan),
    archive: {
      ...archive,
      weights,
      samples: (ids) => sampleEach(ids, weights),
      neighbors: () => [],
    },
  };
}

/** Layers that the sentence about the whole names. */
const NAMED = 3;

/** What normalisations were folded into, for people. */
export function noteFolds(layers: readonly FoldedLayer[]): string {
  const listed = layers.slice(0, NAMED).map(({ norm, folded }) => `${norm} into ${folded}`);
  const more = layers.length > listed.length ? ', …' : '';
  const into = layers.length === 1 ? 'a layer' : `${layers.length} layers`;
  return `Normalisation was folded into ${into} (${listed.join(', ')}${more}).`;
}

/**
 * What an answer about folded weights says of the files. The folded one is the later; where the other was rounded too, both come from an original that
 * is not stored.
 */
export function describeFoldedCase(found: Identification, { layers, direction }: FoldedCase): Identification {
  const words = found.relation.split('+');
  const kept = RELATION_WORDS.filter((word) => words.includes(word) && word !== 'identical' && word !== 'recontained');
  const isBoth = ROUNDED.some((word) => words.includes(word)) && found.direction !== direction;
  const whole = isBoth ? 'siblings' : direction;
  const said: readonly string[] = Object.values(DIRECTION_NOTES);
  return {
    ...found,
    relation: joinWords(['rescaled', ...kept]),
    direction: whole,
    folded: layers,
    notes: [
      ...found.notes.filter((note) => !said.includes(note)),
      noteFolds(layers),
      ...(whole === 'forward' ? [] : [DIRECTION_NOTES[whole]]),
    ],
  };
}

/** Words of which the other file is the original. */
const ROUNDED = ['pruned', 'quantized', 'cast'] as const;
