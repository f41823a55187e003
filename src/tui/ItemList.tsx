import { Box } from 'ink';
import type { ReactNode } from 'react';
import { drawItem } from './draw-screen.ts';
import { listItems } from './items.ts';
import { Line } from './Line.tsx';
import { windowOf } from './scroll-list.ts';
import { span } from './span.ts';
import type { BrowserState } from './state.ts';

/** Cells before every item, where the sign of the selected one stands. */
export const MARK_CELLS = 2;

/** The part of the list that fits; thousands of items cost no more than a screenful. */
export function ItemList({ state, height }: { readonly state: BrowserState; readonly height: number }): ReactNode {
  const { screen, columns, hasColour } = state;
  const items = listItems(state);
  const { start, end } = windowOf(screen.list, items.length, height);
  const lines = items.slice(start, end).map((item, offset) => {
    const isSelected = start + offset === screen.list.selected;
    const spans = [span(isSelected ? '> ' : '  ', 'strong'), ...drawItem(item, columns - MARK_CELLS)];
    // biome-ignore lint/suspicious/noArrayIndexKey: the lines of the window are places on the screen.
    return <Line key={offset} spans={spans} hasColour={hasColour} isSelected={isSelected} />;
  });
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      {lines}
    </Box>
  );
}
