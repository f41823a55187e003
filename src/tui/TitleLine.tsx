import type { ReactNode } from 'react';
import { nameScreen } from './draw-screen.ts';
import { listItems } from './items.ts';
import { Lines } from './Lines.tsx';
import { span } from './span.ts';
import type { BrowserState } from './state.ts';
import { cutStart, displayWidth, padEnd, toPrintable } from './text-width.ts';

function describeCount(state: BrowserState): string {
  const { filter, list } = state.screen;
  const count = listItems(state).length;
  const counted = count === 0 ? '0/0' : `${list.selected + 1}/${count}`;
  return filter === '' ? counted : `filter "${toPrintable(filter)}" ${counted}`;
}

/** Where in the repository the user is, and how far down the list. */
export function TitleLine({ state, height }: { readonly state: BrowserState; readonly height: number }): ReactNode {
  const trail = ['wsvc', ...[...state.behind, state.screen].map(nameScreen)].join(' › ');
  const count = describeCount(state);
  const room = state.columns - displayWidth(count) - 1;
  const spans = [span(padEnd(cutStart(trail, room), room + 1), 'strong'), span(count)];
  return <Lines lines={[spans]} height={height} hasColour={state.hasColour} />;
}
