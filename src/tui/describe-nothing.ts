import { type Span, span } from './span.ts';
import type { BrowserState } from './state.ts';
import { toPrintable } from './text-width.ts';

const EMPTY: readonly (readonly Span[])[] = [
  [],
  [span('  No checkpoint is committed in this repository yet.', 'strong')],
  [],
  [span('  Leave with q, and then')],
  [span('    wsvc import FOLDER', 'name'), span('           for a folder: finds the runs and their order')],
  [span('    wsvc add FILE', 'name'), span('                for one file')],
  [span('    wsvc commit', 'name'), span('                  to keep what was added')],
];

/** What is said where there is nothing to list; undefined where there is. */
export function describeNothing(state: BrowserState, count: number): readonly (readonly Span[])[] | undefined {
  const { screen, trajectories, running } = state;
  if (trajectories === undefined) {
    const isRead = running['load-trajectories'] !== undefined;
    return [[span(isRead ? '  Reading the repository…' : '  The repository could not be read.', 'faint')]];
  }
  if (screen.kind === 'trajectories' && trajectories.length === 0) return EMPTY;
  if (count > 0) return undefined;
  if (screen.filter !== '') return [[span(`  Nothing holds "${toPrintable(screen.filter)}"; esc shows all.`, 'faint')]];
  if (screen.kind === 'checkpoint' && screen.shown === undefined) {
    const isRead = running['load-checkpoint'] !== undefined;
    return [[span(isRead ? '  Reading the checkpoint…' : '  The checkpoint could not be read.', 'faint')]];
  }
  return [[span('  Nothing to list.', 'faint')]];
}
