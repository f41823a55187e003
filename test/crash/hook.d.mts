import type { JournalEntry } from './disk-model.ts';

/** What `hook.mjs` is told; see there. */
export interface HookSession<More> {
  readonly mode: 'count' | 'kill' | 'fail' | 'full' | 'pause' | 'record';
  /** From 1. */
  readonly at?: number;
  /** Readings count too; of a reading the kind begins with `read`. */
  readonly reads?: boolean;
  /** It can be held at those only that something waits for. */
  readonly onChange?: (kind: string, canBeHeld: boolean) => void;
  readonly onPause?: () => Promise<void>;
  readonly onEntry?: (entry: JournalEntry) => void;
  /** What `watched` is to give. */
  readonly more: More;
}

export function runWatched<More>(options: HookSession<More>, work: () => Promise<unknown>): Promise<boolean>;
export function watched(): unknown;
