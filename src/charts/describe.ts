import { escapeControls } from '../errors.ts';
import type { PlacementResult } from '../repo/results.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** A size for people: 1.2 MB. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const scaled = bytes / 1000 ** power;
  return `${power === 0 ? scaled : scaled.toPrecision(3)} ${UNITS[power]}`;
}

/** A count for people: 12,345. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** 1 file, 2 files. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A time to wait, in whole minutes and never less than it takes. */
export function formatWait(ms: number): string {
  return plural(Math.max(1, Math.ceil(ms / 60_000)), 'minute');
}

/** The first digits of an id, as people read it. */
export function shortId(id: string): string {
  return id.slice(0, 10);
}

/** A position as people read it: 12, or 12.4. */
export function formatPosition(position: number): string {
  return Number.isInteger(position) ? String(position) : position.toFixed(2);
}

/** A probability that never reads as certainty it is not: 99.99 % and more is ">99.99 %". */
export function formatConfidence(confidence: number): string {
  if (confidence >= 0.9999) return '>99.99 %';
  const digits = confidence >= 0.999 ? 4 : confidence >= 0.1 ? 3 : 2;
  return `${(confidence * 100)
    .toPrecision(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')} %`;
}

/** Where a checkpoint belongs, in a phrase. */
export function describePlace(placement: PlacementResult): string {
  const { trajectory, position, relation, isNewTrajectory, parent } = placement;
  if (trajectory === null) return 'no weights, no place';
  const at = position === null ? trajectory : `${trajectory} at ${formatPosition(position)}`;
  if (isNewTrajectory && parent === null) return `${at}, a new trajectory`;
  // What comes from nothing may still be the first of a trajectory that was there: its copies, or later steps, came before it.
  if (relation === 'unrelated') return `${at}, its start`;
  const from = parent === null ? '' : ` ${relation === 'identical' ? 'to' : 'of'} ${shortId(parent)}`;
  return `${at}, ${relation}${relation === 'next' || relation === 'between' ? '' : from}${isNewTrajectory ? ', a new trajectory' : ''}`;
}

const OWN_CONTROLS = new RegExp(`(${String.fromCharCode(27)}\\[[\\d;]*m|[\\n\\t])`);

/** As {@link escapeControls}, for lines that wsvc has coloured itself: colours, line ends and tabs stay. */
export function escapeLine(line: string): string {
  return line
    .split(OWN_CONTROLS)
    .map((part, index) => (index % 2 === 1 ? part : escapeControls(part)))
    .join('');
}

/** What can be said of a file that is stored nowhere and has nothing to compare. */
export const NO_WEIGHTS = 'no weights to compare, and no stored file has these bytes';
