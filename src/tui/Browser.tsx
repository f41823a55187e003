import { Box } from 'ink';
import type { ReactNode } from 'react';
import { describeNothing } from './describe-nothing.ts';
import { describeItem, drawHead, drawTitles } from './draw-screen.ts';
import { HELP_LINES } from './help-lines.ts';
import { ItemList, MARK_CELLS } from './ItemList.tsx';
import { listItems, selectedItem } from './items.ts';
import { keyHints } from './key-hints.ts';
import { Lines } from './Lines.tsx';
import { layOut } from './layout.ts';
import { StatusLine } from './StatusLine.tsx';
import { type Span, span } from './span.ts';
import type { BrowserState } from './state.ts';
import { TitleLine } from './TitleLine.tsx';

function titleSpans({ screen, columns }: BrowserState): readonly Span[] {
  const titles = drawTitles(screen, columns - MARK_CELLS);
  return titles === undefined ? [] : [span(`${' '.repeat(MARK_CELLS)}${titles}`, 'faint')];
}

/** The whole screen, drawn from the state alone. */
export function Browser({ state }: { readonly state: BrowserState }): ReactNode {
  const { columns, hasColour, screen, prompt } = state;
  const layout = layOut(state);
  const item = selectedItem(state);
  const bodyHeight = layout.head + layout.titles + layout.list + layout.details;
  const instead = state.isHelpOpen ? HELP_LINES : describeNothing(state, listItems(state).length);
  const hints = [span(keyHints(prompt?.purpose, columns), 'faint')];
  return (
    <Box flexDirection="column" width={columns} height={layout.height} overflow="hidden">
      <TitleLine state={state} height={layout.title} />
      {instead !== undefined ? (
        <Lines lines={instead} height={bodyHeight} hasColour={hasColour} />
      ) : (
        <>
          <Lines lines={drawHead(screen)} height={layout.head} hasColour={hasColour} />
          <Lines lines={[titleSpans(state)]} height={layout.titles} hasColour={hasColour} />
          <ItemList state={state} height={layout.list} />
          <Lines lines={item === undefined ? [] : describeItem(item)} height={layout.details} hasColour={hasColour} />
        </>
      )}
      <StatusLine state={state} height={layout.status} />
      <Lines lines={[hints]} height={layout.keys} hasColour={hasColour} />
    </Box>
  );
}
