import { formatConfidence, formatPosition, shortId } from '../charts/describe.ts';
import { drawBar } from '../charts/trajectory-chart.ts';
import type { TrajectoryCheckpoint } from '../repo/lineage-results.ts';
import { type Span, span } from './span.ts';
import { cutStart, padEnd, padStart, toPrintable } from './text-width.ts';

const POSITION_CELLS = 6;
const STEP_CELLS = 8;
/** Between the columns, and after the step. */
const GAP_CELLS = 5;
const MOST_BAR_CELLS = 20;
const NOTE_CELLS = 14;
const LEAST_SOURCE_CELLS = 10;
const MOST_SOURCE_CELLS = 48;

interface Columns {
  readonly source: number;
  readonly bar: number;
  /** What is unusual; nothing where the screen is narrow. */
  readonly note: number;
}

function columnsFor(columns: number): Columns {
  const rest = columns - POSITION_CELLS - STEP_CELLS - GAP_CELLS;
  const note = rest - NOTE_CELLS >= LEAST_SOURCE_CELLS ? NOTE_CELLS : 0;
  const bar = Math.max(0, Math.min(MOST_BAR_CELLS, Math.floor(rest / 2) - NOTE_CELLS));
  return { source: Math.max(1, Math.min(MOST_SOURCE_CELLS, rest - note - bar)), bar, note };
}

/** Relations that say no more than the place in the list does. */
const USUAL = new Set(['next', 'between', 'unrelated']);

function noteOf(checkpoint: TrajectoryCheckpoint, forks: readonly string[]): readonly Span[] {
  const relation = USUAL.has(checkpoint.relation) ? [] : [span(` ${checkpoint.relation}`, 'relation')];
  const leaving = forks.length === 0 ? [] : [span(` fork: ${forks.join(', ')}`, 'name')];
  return [...relation, ...leaving];
}

/** The titles above the checkpoints of a trajectory. */
export function checkpointTitles(columns: number): string {
  const { source } = columnsFor(columns);
  return `${padStart('at', POSITION_CELLS)}  ${padEnd('checkpoint', source)}  ${padStart('step', STEP_CELLS)}`;
}

/** Draws one checkpoint: position, file, length of the step that led to it, and what is unusual about it. */
export function drawCheckpoint(
  checkpoint: TrajectoryCheckpoint,
  forks: readonly string[],
  longestStep: number,
  columns: number,
): readonly Span[] {
  const cells = columnsFor(columns);
  const { position, source, stepLength } = checkpoint;
  const share = stepLength === null || longestStep === 0 ? 0 : stepLength / longestStep;
  return [
    span(`${padStart(formatPosition(position), POSITION_CELLS)}  `),
    span(padEnd(cutStart(toPrintable(source), cells.source), cells.source), 'strong'),
    span(`  ${padStart(stepLength === null ? 'start' : stepLength.toPrecision(3), STEP_CELLS)} `),
    span(padEnd(drawBar(share, cells.bar), cells.bar), 'measure'),
    ...(cells.note === 0 ? [] : noteOf(checkpoint, forks)),
  ];
}

function describeStep({ stepLength, relativeStep, turn }: TrajectoryCheckpoint): string {
  if (stepLength === null) return 'first of its trajectory';
  const relative = relativeStep === null ? '' : ` (${(relativeStep * 100).toPrecision(2)} % of the weights)`;
  const angle = turn === null ? '' : `, turned by ${Math.round((turn * 180) / Math.PI)}°`;
  return `step ${stepLength.toPrecision(3)}${relative}${angle}`;
}

/**
 * Says in two lines what is known of the selected checkpoint.
 *
 * @param origin - the checkpoint on another trajectory that it left, in words; '' for none.
 */
export function describeCheckpoint(
  checkpoint: TrajectoryCheckpoint,
  forks: readonly string[],
  origin: string,
): readonly (readonly Span[])[] {
  const { relation, confidence, commit } = checkpoint;
  const word = relation === 'unrelated' ? 'unrelated to all others' : relation;
  const leaving = forks.length === 0 ? '' : `  forks here: ${forks.join(', ')}`;
  return [
    [
      span(word, 'relation'),
      span(
        `${origin === '' ? '' : ` from ${origin}`}, ${formatConfidence(confidence)} sure; ${describeStep(checkpoint)}`,
      ),
    ],
    [span(commit === null ? 'not committed yet' : `commit ${shortId(commit)}`, 'id'), span(leaving, 'name')],
  ];
}
