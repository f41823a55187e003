import type { TrajectoryCheckpoint, TrajectoryLogResult, TrajectoryResult } from '../repo/lineage-results.ts';

/** How a chart is drawn: a way to colour text (identity for plain), and the width in cells. */
export interface ChartOptions {
  readonly paint: (style: 'bold' | 'dim' | 'cyan' | 'yellow' | 'green' | 'magenta', text: string) => string;
  readonly columns: number;
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const BAR_CELLS = 24;

/** A bar of `share` of the full width, to an eighth of a cell. */
export function drawBar(share: number, cells: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * cells * 8);
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8] ?? ''}`;
}

interface Node {
  readonly trajectory: TrajectoryResult;
  readonly forks: readonly Node[];
}

/** Trajectories as a forest: each fork below the trajectory it left. */
function plant(trajectories: readonly TrajectoryResult[]): readonly Node[] {
  const below = (parent: string | null, seen: ReadonlySet<string>): readonly Node[] =>
    trajectories
      .filter(({ name, forkedFrom }) => (forkedFrom?.trajectory ?? null) === parent && !seen.has(name))
      .map((trajectory) => ({ trajectory, forks: below(trajectory.name, new Set([...seen, trajectory.name])) }));
  return below(null, new Set());
}

/** Below this the fork point is given with a checkpoint to either side. */
const SURE_FORK = 0.9;

function describeFork(fork: NonNullable<TrajectoryResult['forkedFrom']>): string {
  const { trajectory, position, confidence, confidenceWithinOne } = fork;
  const place = `forked from ${trajectory} at ${position}`;
  if (confidence >= SURE_FORK) return `${place} (${Math.floor(confidence * 100)} % sure)`;
  const around = `give or take one: ${Math.floor(confidenceWithinOne * 100)} % sure`;
  return `${place} (${Math.floor(confidence * 100)} % sure; ${around})`;
}

function describeHead(
  { name, checkpoints, ordered, direction, orderConfidence, forkedFrom }: TrajectoryResult,
  paint: ChartOptions['paint'],
): string {
  const notes = [`${checkpoints.length} checkpoint${checkpoints.length === 1 ? '' : 's'}`];
  if (forkedFrom !== null) {
    notes.push(describeFork(forkedFrom));
  }
  if (checkpoints.length > 1) {
    if (!ordered) notes.push('unordered: the weights give no order');
    else if (direction === 'unknown') notes.push('direction unknown');
    else notes.push(`order ${direction}, ${Math.floor(orderConfidence * 100)} % sure`);
  }
  return `${paint('bold', paint('cyan', name))}  ${paint('dim', notes.join(' · '))}`;
}

function shortName(source: string, width: number): string {
  return source.length <= width ? source.padEnd(width) : `…${source.slice(source.length - width + 1)}`;
}

function checkpointLine(
  checkpoint: TrajectoryCheckpoint,
  longest: number,
  nameWidth: number,
  paint: ChartOptions['paint'],
): string {
  const { position, source, commit, stepLength, relation, pruned } = checkpoint;
  const at = (Number.isInteger(position) ? String(position) : position.toFixed(2)).padStart(4);
  const bar = stepLength === null ? '' : drawBar(longest === 0 ? 0 : stepLength / longest, BAR_CELLS);
  const step = stepLength === null ? 'start' : stepLength.toPrecision(3);
  const word = ['next', 'unrelated', 'between'].includes(relation) ? '' : ` ${paint('magenta', relation)}`;
  const id = commit === null ? '' : `${paint('yellow', commit.slice(0, 8))} `;
  const gone = pruned ? ` ${paint('dim', 'pruned')}` : '';
  return `${at} ${pruned ? '○' : '●'} ${id}${shortName(source, nameWidth)} ${paint('green', bar.padEnd(BAR_CELLS))} ${step}${word}${gone}`;
}

function drawNode(node: Node, indent: string, options: ChartOptions): readonly string[] {
  const { trajectory, forks } = node;
  const { paint, columns } = options;
  const longest = Math.max(0, ...trajectory.checkpoints.map(({ stepLength }) => stepLength ?? 0));
  const widest = Math.max(0, ...trajectory.checkpoints.map(({ source }) => source.length));
  const nameWidth = Math.max(8, Math.min(widest, columns - indent.length - BAR_CELLS - 30));
  const lines = [`${indent}${describeHead(trajectory, paint)}`];
  const drawn = new Set<Node>();
  for (const [index, checkpoint] of trajectory.checkpoints.entries()) {
    lines.push(`${indent}${checkpointLine(checkpoint, longest, nameWidth, paint)}`);
    const isLastAt = trajectory.checkpoints[index + 1]?.position !== checkpoint.position;
    for (const fork of forks) {
      if (!isLastAt || drawn.has(fork) || fork.trajectory.forkedFrom?.position !== checkpoint.position) continue;
      drawn.add(fork);
      const inner = drawNode(fork, `${indent}     │ `, options);
      lines.push(`${indent}     ├─╮`, ...inner, `${indent}     │`);
    }
  }
  return lines;
}

/** Draws trajectories as trees: a line a checkpoint, step lengths as bars, forks indented below the checkpoint they left. */
export function drawTrajectories({ trajectories }: TrajectoryLogResult, options: ChartOptions): readonly string[] {
  if (trajectories.length === 0) return ['No trajectories yet: add or import some checkpoints.'];
  const known = new Set(trajectories.map(({ name }) => name));
  const rooted = trajectories.map((trajectory) =>
    trajectory.forkedFrom !== null && !known.has(trajectory.forkedFrom.trajectory)
      ? { ...trajectory, forkedFrom: null }
      : trajectory,
  );
  return plant(rooted).flatMap((node) => [...drawNode(node, '', options), '']);
}
