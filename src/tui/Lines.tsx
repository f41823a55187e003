import { Box } from 'ink';
import type { ReactNode } from 'react';
import { Line } from './Line.tsx';
import type { Span } from './span.ts';

interface LinesProps {
  readonly lines: readonly (readonly Span[])[];
  /** Lines on the screen: what is over is cut, what is missing stays blank. */
  readonly height: number;
  readonly hasColour: boolean;
}

/** A block of lines of a fixed height. */
export function Lines({ lines, height, hasColour }: LinesProps): ReactNode {
  if (height === 0) return null;
  return (
    <Box flexDirection="column" height={height} flexShrink={0} overflow="hidden">
      {lines.slice(0, height).map((spans, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a line has no other identity than its place.
        <Line key={index} spans={spans} hasColour={hasColour} />
      ))}
    </Box>
  );
}
