import { unreachable } from '../assert.ts';
import { formatPosition } from '../charts/describe.ts';
import type { TrajectoryCheckpoint, TrajectoryResult } from '../repo/lineage-results.ts';
import type { ShownTensor } from '../repo/results.ts';
import { identificationLines } from './identification-lines.ts';
import type { Tone } from './span.ts';
import type { BrowserState, Screen } from './state.ts';
import type { Target } from './target.ts';
import { arrangeForest } from './trajectory-forest.ts';

/** One line of a list, before it is drawn. */
export type Item =
  | { readonly kind: 'trajectory'; readonly trajectory: TrajectoryResult; readonly branch: string }
  | {
      readonly kind: 'checkpoint';
      readonly checkpoint: TrajectoryCheckpoint;
      /** Names of the trajectories that leave here. */
      readonly forks: readonly string[];
      /** The longest step of its trajectory, which fills a bar. */
      readonly longestStep: number;
      /** Where its trajectory forked, in words, for the first of a fork; else ''. */
      readonly origin: string;
    }
  | { readonly kind: 'tensor'; readonly tensor: ShownTensor }
  | { readonly kind: 'line'; readonly text: string; readonly tone: Tone; readonly target?: Target };

function checkpointItems(trajectories: readonly TrajectoryResult[], name: string): readonly Item[] {
  const trajectory = trajectories.find((one) => one.name === name);
  const { checkpoints = [], forkedFrom = null } = trajectory ?? {};
  const origin = forkedFrom === null ? '' : `${forkedFrom.trajectory} at ${formatPosition(forkedFrom.position)}`;
  const longestStep = checkpoints.reduce((longest, { stepLength }) => Math.max(longest, stepLength ?? 0), 0);
  const leaving = trajectories.filter((one) => one.forkedFrom?.trajectory === name);
  const forksAt = (checkpoint: TrajectoryCheckpoint): readonly string[] =>
    leaving.filter((fork) => fork.forkedFrom?.commit === checkpoint.commit).map((fork) => fork.name);
  return checkpoints.map((checkpoint, index) => ({
    kind: 'checkpoint',
    checkpoint,
    forks: forksAt(checkpoint),
    longestStep,
    origin: index === 0 ? origin : '',
  }));
}

function allItems(trajectories: readonly TrajectoryResult[], screen: Screen): readonly Item[] {
  switch (screen.kind) {
    case 'trajectories':
      return arrangeForest(trajectories).map((placed) => ({ kind: 'trajectory', ...placed }));
    case 'checkpoints':
      return checkpointItems(trajectories, screen.trajectory);
    case 'checkpoint':
      return (screen.shown?.tensors ?? []).map((tensor) => ({ kind: 'tensor', tensor }));
    case 'identification':
      return identificationLines(screen.answer).map((line) => ({ kind: 'line', ...line }));
    default:
      return unreachable(screen);
  }
}

/** What a filter looks at. */
function searchedText(item: Item): string {
  switch (item.kind) {
    case 'trajectory':
      return [item.trajectory.name, ...item.trajectory.checkpoints.map(({ source }) => source)].join('\n');
    case 'checkpoint': {
      const { source, relation, commit } = item.checkpoint;
      return [source, relation, commit ?? '', ...item.forks].join('\n');
    }
    case 'tensor':
      return [item.tensor.name, item.tensor.dtype, item.tensor.role].join('\n');
    case 'line':
      return item.text;
    default:
      return unreachable(item);
  }
}

/** Lists what a screen shows: all of it, or what holds the filter's text, whatever the case. */
export function listItems(state: BrowserState, screen: Screen = state.screen): readonly Item[] {
  const items = allItems(state.trajectories ?? [], screen);
  const wanted = screen.filter.toLowerCase();
  return wanted === '' ? items : items.filter((item) => searchedText(item).toLowerCase().includes(wanted));
}

/** The item that the cursor is on. */
export function selectedItem(state: BrowserState): Item | undefined {
  const items = listItems(state);
  return items[Math.min(state.screen.list.selected, items.length - 1)];
}

/** The stored checkpoint that the user means: the one that is open, or the one that is selected. */
export function selectedTarget(state: BrowserState): Target | undefined {
  const { screen } = state;
  if (screen.kind === 'checkpoint') return { commit: screen.commit, source: screen.source };
  const item = selectedItem(state);
  if (item?.kind === 'line') return item.target;
  if (item?.kind !== 'checkpoint' || item.checkpoint.commit === null) return undefined;
  return { commit: item.checkpoint.commit, source: item.checkpoint.source };
}
