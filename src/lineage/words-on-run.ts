import type { Excess } from './natural-movement.ts';
import type { RelationWord } from './relation.ts';
import { isInLune, type SegmentFit } from './segment.ts';

/** A residual this white, in standard deviations, is noise; structured ones of real training reach tens. */
export const WHITE = 4;
/** Share of an interval that a position is off by anyway: nearer to an end than this is at the end. */
const AT_AN_END = 0.15;
/** Excess over the run's own movement, in its standard deviations, that needs another explanation than the run. */
const EXCESS = 4;

/** Words, and how sure they are. */
export interface WordsOnRun {
  readonly words: readonly RelationWord[];
  readonly sureness: number;
}

/** Confidence of a word from the distance of its statistic to the threshold, in standard deviations. */
export function surenessOf(margin: number): number {
  return 1 / (1 + Math.exp(-0.5 - Math.min(Math.max(margin, 0), 20)));
}

/**
 * How sure it is that a checkpoint is the run's own, and not the first of a branch that goes on more slowly: by the densities of its excess, fitted to
 * 576 held-out checkpoints and 24 first checkpoints at .3 of the rate, of the zoos that are developed on; three to one before anything is known.
 */
function sureOfBetween(z: number): number {
  const density = (centre: number, deviation: number) => Math.exp(-(((z - centre) / deviation) ** 2) / 2) / deviation;
  const own = 3 * density(0.3, 1);
  return own / (own + density(2.2, 2.2));
}

/** The words for something that lies off a run's segment by so much, compared with how the run's own checkpoints lie off theirs. */
export function wordsFor(
  fit: SegmentFit,
  excess: Excess | undefined,
  isLast: boolean,
  longestStep: number,
): WordsOnRun {
  const inLune = isInLune(fit);
  const along = Math.min(1, Math.max(0, fit.along));
  const at: RelationWord[] = Math.min(along, 1 - along) < AT_AN_END ? [] : ['between'];
  if (!excess)
    return {
      words: [inLune ? 'between' : isLast && fit.toEnd < 2 * longestStep ? 'next' : 'fine-tuned'],
      sureness: 0.6,
    };
  const sureness = surenessOf(Math.abs(excess.z - EXCESS) - 0.5);
  if (excess.z < EXCESS) {
    if (inLune) return { words: ['between'], sureness: sureOfBetween(excess.z) };
    return { words: [isLast ? 'next' : 'fine-tuned'], sureness };
  }
  // Without its strongest directions the movement is the run's own.
  if (excess.zWithoutTop < EXCESS && excess.zWithoutTop !== 0) return { words: [...at, 'low-rank'], sureness: 0.7 };
  // What natural movement plus white noise of that energy would show, as far as the run's own movement lets its share be known.
  const room = Math.min(2, Math.exp(excess.spread));
  if (excess.whiteness < Math.max(WHITE, (room * excess.naturalWhiteness) / excess.ratio))
    return { words: [...at, 'perturbed'], sureness: 0.8 };
  if (isLast && fit.toEnd < 2 * longestStep) return { words: ['next'], sureness: 0.7 };
  return { words: ['fine-tuned'], sureness };
}
