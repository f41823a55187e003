import { drawHead } from './draw-screen.ts';
import type { BrowserState } from './state.ts';

/** How many lines each part of the frame gets. */
export interface Layout {
  /** All lines: one less than the terminal has, because Ink erases the scrollback of a frame that fills it. */
  readonly height: number;
  readonly title: number;
  readonly head: number;
  readonly titles: number;
  readonly list: number;
  readonly details: number;
  readonly status: number;
  readonly keys: number;
}

/** Lines below a list that say more of the selected item. */
const DETAIL_LINES = { trajectories: 0, checkpoints: 2, checkpoint: 2, identification: 1 } as const;
/** The list is worth more than what stands round it: it gets this many lines first. */
const LEAST_LIST_LINES = 3;

/** Shares the lines of the terminal out: the list and the status first, then what there is room for. */
export function layOut(state: BrowserState): Layout {
  const height = Math.max(1, state.rows - 1);
  let left = Math.max(0, height - 1 - LEAST_LIST_LINES);
  const take = (wanted: number): number => {
    const taken = wanted <= left ? wanted : 0;
    left -= taken;
    return taken;
  };
  const { screen } = state;
  const keys = take(1);
  const title = take(1);
  const titles = take(screen.kind === 'identification' ? 0 : 1);
  const details = take(DETAIL_LINES[screen.kind]);
  const head = take(drawHead(screen).length);
  const status = height >= 2 ? 1 : 0;
  return {
    height,
    title,
    head,
    titles,
    details,
    status,
    keys,
    list: height - title - head - titles - details - status - keys,
  };
}
