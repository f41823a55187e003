import { describe, expect, it } from 'vitest';
import { createBrowserLoop } from '../../src/tui/browser-loop.ts';
import type { BrowserEvent } from '../../src/tui/events.ts';
import type { WorkEffect } from '../../src/tui/perform-effect.ts';
import type { BrowserState } from '../../src/tui/state.ts';
import { FOREST, keys, opening } from './states.ts';

function startLoop(perform: (effect: WorkEffect, send: (event: BrowserEvent) => void) => Promise<void>) {
  const drawn: BrowserState[] = [];
  const effects: WorkEffect[] = [];
  let quits = 0;
  const loop = createBrowserLoop(opening(), {
    perform: (effect, send) => {
      effects.push(effect);
      return perform(effect, send);
    },
    draw: (state) => drawn.push(state),
    quit: () => {
      quits += 1;
    },
  });
  loop.start();
  return { loop, drawn, effects, quits: () => quits };
}

const loadForest = async (effect: WorkEffect, send: (event: BrowserEvent) => void): Promise<void> => {
  if (effect.kind === 'load-trajectories') send({ kind: 'trajectories-loaded', result: { trajectories: FOREST } });
};

describe('the loop', () => {
  it('loads the trajectories at the start', () => {
    const { effects, drawn } = startLoop(loadForest);
    expect(effects).toEqual([{ kind: 'load-trajectories' }]);
    expect(drawn.at(-1)?.trajectories).toHaveLength(3);
  });

  it('draws once for keys that arrive together', () => {
    const { loop, drawn } = startLoop(loadForest);
    const before = drawn.length;
    loop.send(...keys('ljjj'));
    expect(drawn.length - before).toBe(1);
    expect(drawn.at(-1)?.screen.list.selected).toBe(3);
  });

  it('quits once, and hears nothing after it', async () => {
    const { loop, drawn, effects, quits } = startLoop(loadForest);
    loop.send(...keys('qlj'));
    const before = drawn.length;
    loop.send(...keys('j'));
    await loop.stop();
    expect(quits()).toBe(1);
    expect(drawn.length).toBe(before);
    expect(effects).toHaveLength(1);
  });

  it('waits for a file that is being written, not for one that is being read', async () => {
    let finishWriting = (): void => undefined;
    const { loop } = startLoop(async (effect, send) => {
      await loadForest(effect, send);
      if (effect.kind === 'restore') await new Promise<void>((resolve) => (finishWriting = resolve));
      if (effect.kind === 'load-checkpoint') await new Promise(() => undefined);
    });
    loop.send(...keys('llr<enter>'));
    let isStopped = false;
    const stopped = loop.stop().then(() => {
      isStopped = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isStopped).toBe(false);
    finishWriting();
    await stopped;
    expect(isStopped).toBe(true);
  });
});
