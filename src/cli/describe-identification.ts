import { formatConfidence, formatPosition, NO_WEIGHTS, shortId } from '../charts/describe.ts';
import type { IdentificationResult, NearestResult } from '../repo/lineage-results.ts';
import { describePruned } from '../repo/pruned-content.ts';
import type { Paint } from './style.ts';

function describeNear(near: NearestResult): string {
  const place = near.trajectory === null ? '' : `, ${near.trajectory} at ${formatPosition(near.position ?? 0)}`;
  const commit = near.commit === null ? '' : ` (${shortId(near.commit)})`;
  return `${near.source}${commit}${place}; distance ${near.relativeDistance.toPrecision(2)}, cosine ${near.cosine.toFixed(5)}`;
}

const VERBS = {
  forward: 'comes from',
  unknown: 'comes from',
  backward: 'is what was made into',
  siblings: 'has one original with',
} as const;

function headline(result: IdentificationResult, paint: Paint): string {
  const { known, relation, parents, nearest, direction } = result;
  const within = result.confidenceWithinOne;
  const around = within === undefined ? '' : `, give or take one checkpoint: ${formatConfidence(within)}`;
  const sure = `(${formatConfidence(result.confidence)} sure${around})`;
  // What its problem is, where it has one, stands beside it.
  if (!known && result.parameters === 0) return `${paint('yellow', 'unknown')}: ${NO_WEIGHTS}`;
  if (!known) return `${paint('yellow', 'unknown')}: related to nothing in this repository ${sure}`;
  const from = parents.length > 1 ? `${parents.length} checkpoints` : (parents[0]?.source ?? nearest?.source ?? '');
  const verb = VERBS[direction];
  return `${paint('green', relation)}: ${verb} ${paint('bold', from)} ${sure}`;
}

function placeLine(result: IdentificationResult): readonly string[] {
  if (result.trajectory === null) return [];
  const position = result.position === null ? '' : `, position ${formatPosition(result.position)}`;
  return [`  trajectory ${result.trajectory}${position}`];
}

/** Says for people what a file is. */
export function describeIdentification(
  result: IdentificationResult,
  paint: Paint,
  verbose: boolean,
): readonly string[] {
  const lines = [
    `${paint('bold', result.file)}  ${result.format}, ${result.tensors} tensor${result.tensors === 1 ? '' : 's'}`,
    `  ${headline(result, paint)}`,
  ];
  if (result.problem !== undefined) lines.push(`  ${paint('yellow', 'no weights read:')} ${result.problem}`);
  lines.push(...placeLine(result));
  if (result.parents.length > 1) {
    lines.push(
      ...result.parents.map(({ source, weight }) => `    ${(weight * 100).toFixed(1).padStart(5)} %  ${source}`),
    );
  }
  if (result.pValue !== null && result.known) lines.push(`  p-value ${result.pValue.toExponential(1)}`);
  const listed = verbose || !result.known ? result.candidates : result.candidates.slice(0, 1);
  lines.push(...listed.map((near) => `  near: ${describeNear(near)}`));
  if (result.pruned !== undefined && !verbose)
    lines.push(`  ${paint('yellow', 'pruned')} ${describePruned(result.pruned)}`);
  if (verbose || !result.known) lines.push(...result.notes.map((note) => `  ${paint('dim', note)}`));
  const declared = Object.entries(result.declared).map(([key, value]) => `${key} ${value}`);
  if (declared.length > 0) lines.push(`  the file says of itself: ${declared.slice(0, 6).join(', ')}`);
  for (const { name, match, kind, note } of result.tensors_detail ?? []) {
    const from = match === null ? '' : ` ${match.commit === null ? '' : `${shortId(match.commit)}:`}${match.tensor}`;
    lines.push(
      `    ${kind.padEnd(9)} ${name}${from === '' ? '' : ` <-${from}`}${note === undefined ? '' : `: ${note}`}`,
    );
  }
  return lines;
}
