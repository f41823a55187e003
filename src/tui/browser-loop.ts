import type { BrowserEvent } from './events.ts';
import type { WorkEffect } from './perform-effect.ts';
import type { BrowserState } from './state.ts';
import { update } from './update.ts';

/** How the loop reaches the outside. */
export interface LoopPorts {
  /** Does what is asked for, and sends what came of it; never rejects. */
  readonly perform: (effect: WorkEffect, send: (event: BrowserEvent) => void) => Promise<void>;
  readonly draw: (state: BrowserState) => void;
  readonly quit: () => void;
}

/** Events in, states and effects out. */
export interface BrowserLoop {
  send(...events: readonly BrowserEvent[]): void;
  /** Does what the opening state says is being done. */
  start(): void;
  /** Hears no more events; resolves when no file is being written any more. */
  stop(): Promise<void>;
}

/** Makes the loop that carries the state from one event to the next. */
export function createBrowserLoop(opening: BrowserState, { perform, draw, quit }: LoopPorts): BrowserLoop {
  let state = opening;
  let isStopped = false;
  const writing = new Set<Promise<void>>();
  const run = (effect: WorkEffect): void => {
    const done = perform(effect, (event) => send(event));
    if (effect.kind !== 'restore') return;
    writing.add(done);
    done.finally(() => writing.delete(done));
  };
  const send = (...events: readonly BrowserEvent[]): void => {
    if (isStopped) return;
    for (const event of events) {
      if (isStopped) break;
      const next = update(state, event);
      state = next.state;
      for (const effect of next.effects) {
        if (effect.kind === 'quit') isStopped = true;
        else run(effect);
      }
    }
    if (isStopped) quit();
    else draw(state);
  };
  return {
    send,
    start: () => run({ kind: 'load-trajectories' }),
    stop: async () => {
      isStopped = true;
      await Promise.all(writing);
    },
  };
}
