import type { Effect } from './events.ts';
import type { BrowserState } from './state.ts';

/** The next state, and what is to be done. */
export interface Update {
  readonly state: BrowserState;
  readonly effects: readonly Effect[];
}
