import { isAlterationWord } from '../lineage/alteration-words.ts';
import type { ManifestId } from '../objects/ids.ts';
import type { EdgeSource } from '../objects/trailers.ts';
import type { Finding } from './finding-memo.ts';

/** Where a checkpoint belongs, and where it comes from. */
export interface Placement {
  readonly id: ManifestId;
  readonly trajectory: string;
  readonly position: number;
  readonly parents: readonly { readonly id: ManifestId; readonly weight: number }[];
  readonly relation: string;
  readonly confidence: number;
  readonly logPValue?: number;
  readonly edge: EdgeSource;
  readonly isNewTrajectory: boolean;
}

/** True where the comparison with one stored checkpoint says more than the view of the whole. */
function isAlteration({ known, relation, direction }: Finding): boolean {
  return known && direction !== 'backward' && isAlterationWord(relation);
}

/** The view knows which of those with the same weights came first. */
function isCopy({ relation, parents }: Pick<Placement, 'relation' | 'parents'>): boolean {
  return parents.length === 1 && (relation === 'identical' || relation === 'recontained');
}

/** How sure at most an answer is that the other of the two contradicts. */
const CONTRADICTED = 0.5;

/** Both name parents, and no common one. */
function contradicts({ parents }: Finding, placement: Placement): boolean {
  const named = new Set(placement.parents.map(({ id }) => id));
  return parents.length > 0 && named.size > 0 && !parents.some(({ id }) => named.has(id));
}

/**
 * Joins what a single comparison found (the kind of change, the parents) with the place that the view gives. Where the two name different parents the view,
 * which knows all checkpoints, is shown, and neither is believed by more than half.
 */
export function refinePlacement(placement: Placement, identification: Finding): Placement {
  const evidence = {
    confidence: identification.confidence,
    ...(identification.logPValue === undefined ? {} : { logPValue: identification.logPValue }),
  };
  // The view has asked the same of all at once.
  if (isAlterationWord(placement.relation) && placement.logPValue !== undefined) return placement;
  if (isCopy(placement) && isCopy(identification)) return { ...placement, ...evidence };
  if (isAlteration(identification)) {
    const { relation, parents } = identification;
    return { ...placement, relation, parents, ...evidence, ...placeOfAlteration(placement, identification) };
  }
  if (identification.known) {
    if (contradicts(identification, placement))
      return { ...placement, ...evidence, confidence: Math.min(placement.confidence, CONTRADICTED) };
    const relation = placement.parents.length === 0 ? identification.relation : placement.relation;
    return { ...placement, relation, ...evidence };
  }
  return placement.parents.length === 0 ? { ...placement, confidence: identification.confidence } : placement;
}

/** An altered copy that the view found no trajectory for lies where its original does. */
function placeOfAlteration(placement: Placement, { trajectory, position, parents }: Finding): Partial<Placement> {
  if (!placement.isNewTrajectory || placement.parents.length > 0) return {};
  if (trajectory === undefined || position === undefined || parents.length !== 1) return {};
  return { trajectory, position, isNewTrajectory: false };
}
