import { formatPosition } from '../charts/describe.ts';
import type { TrajectoryResult } from '../repo/lineage-results.ts';
import { type Span, span } from './span.ts';
import { drawSparkline } from './sparkline.ts';
import { cutEnd, padEnd, padStart, toPrintable } from './text-width.ts';

const COUNT_CELLS = 11;
const ORDER_CELLS = 23;
const STEPS_CELLS = 24;
/** Below this the name has no room beside the columns, which then go, the last first. */
const LEAST_NAME_CELLS = 22;
const MOST_NAME_CELLS = 40;

interface Columns {
  readonly name: number;
  readonly order: number;
  readonly steps: number;
}

function columnsFor(columns: number): Columns {
  const besideName = columns - COUNT_CELLS - 1;
  const order = besideName - ORDER_CELLS - 2 >= LEAST_NAME_CELLS ? ORDER_CELLS : 0;
  const rest = besideName - (order === 0 ? 0 : order + 2);
  const steps = Math.max(0, Math.min(STEPS_CELLS, rest - LEAST_NAME_CELLS - 2));
  const name = Math.max(1, Math.min(MOST_NAME_CELLS, rest - (steps === 0 ? 0 : steps + 2)));
  return { name, order, steps };
}

function describeOrder({ checkpoints, ordered, direction, orderConfidence }: TrajectoryResult): string {
  if (checkpoints.length < 2) return '';
  if (!ordered) return 'unordered';
  if (direction === 'unknown') return 'direction unknown';
  return `${direction}, ${Math.floor(orderConfidence * 100)} % sure`;
}

/** The titles above the list of trajectories. */
export function trajectoryTitles(columns: number): string {
  const { name, order, steps } = columnsFor(columns);
  return [
    padEnd('trajectory', name),
    padStart('checkpoints', COUNT_CELLS),
    ...(order === 0 ? [] : [` ${padEnd('order', order)}`]),
    ...(steps === 0 ? [] : [` ${cutEnd('step lengths', steps)}`]),
  ].join(' ');
}

/** Draws one trajectory: its place in the forest, how many checkpoints, how sure their order, the saw-tooth of its steps. */
export function drawTrajectory(trajectory: TrajectoryResult, branch: string, columns: number): readonly Span[] {
  const cells = columnsFor(columns);
  const { forkedFrom, checkpoints } = trajectory;
  const from = forkedFrom === null ? '' : ` (from ${formatPosition(forkedFrom.position)})`;
  const steps = checkpoints.flatMap(({ stepLength }) => stepLength ?? []);
  const name = toPrintable(`${branch}${trajectory.name}${from}`);
  return [
    span(padEnd(cutEnd(name, cells.name), cells.name), 'name'),
    span(` ${padStart(String(checkpoints.length), COUNT_CELLS)}`),
    ...(cells.order === 0 ? [] : [span(`  ${padEnd(describeOrder(trajectory), cells.order)}`)]),
    ...(cells.steps === 0 ? [] : [span(`  ${drawSparkline(steps, cells.steps)}`, 'measure')]),
  ];
}
