import type { IdentificationResult, TrajectoryLogResult } from '../repo/lineage-results.ts';
import type { RestoreResult, ShowResult } from '../repo/results.ts';

/** Keys that are no character. */
export type KeyName =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'escape'
  | 'tab'
  | 'backspace'
  | 'clear-line'
  | 'clear-word'
  | 'interrupt';

/** One press of a key. */
export type Key = { readonly name: KeyName } | { readonly character: string };

/** What happens to the browser. */
export type BrowserEvent =
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'resized'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'trajectories-loaded'; readonly result: TrajectoryLogResult }
  | { readonly kind: 'checkpoint-loaded'; readonly commit: string; readonly result: ShowResult }
  | { readonly kind: 'identified'; readonly result: IdentificationResult }
  | { readonly kind: 'restored'; readonly result: RestoreResult }
  | { readonly kind: 'completed'; readonly text: string; readonly completion: Completion }
  | { readonly kind: 'progressed'; readonly task: Task; readonly label: string }
  | { readonly kind: 'failed'; readonly task: Task; readonly message: string };

/** What the browser wants done; nothing is done where it is asked for. */
export type Effect =
  | { readonly kind: 'load-trajectories' }
  | { readonly kind: 'load-checkpoint'; readonly commit: string }
  | { readonly kind: 'identify'; readonly file: string }
  | { readonly kind: 'restore'; readonly commit: string; readonly output: string }
  | { readonly kind: 'complete-path'; readonly text: string }
  | { readonly kind: 'quit' };

/** Effects that take time and may fail. */
export type Task = Exclude<Effect['kind'], 'quit'>;

/** How a path could go on: as far as it is clear, and what it could be. */
export interface Completion {
  readonly text: string;
  readonly choices: readonly string[];
}
