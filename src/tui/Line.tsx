import { Text, type TextProps } from 'ink';
import type { ReactNode } from 'react';
import type { Span, Tone } from './span.ts';

const LOOKS = {
  plain: {},
  strong: { bold: true },
  faint: { dimColor: true },
  name: { color: 'cyan' },
  id: { color: 'yellow' },
  good: { color: 'green' },
  doubtful: { color: 'yellow' },
  bad: { color: 'red', bold: true },
  measure: { color: 'green' },
  relation: { color: 'magenta' },
} as const satisfies Record<Tone, TextProps>;

interface LineProps {
  readonly spans: readonly Span[];
  readonly hasColour: boolean;
  readonly isSelected?: boolean;
}

/** One line of the screen, cut at its end where it does not fit. */
export function Line({ spans, hasColour, isSelected = false }: LineProps): ReactNode {
  const pieces = spans.map(({ text, tone }, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no other identity than their place.
    <Text key={index} {...(hasColour ? LOOKS[tone] : {})}>
      {text}
    </Text>
  ));
  return (
    <Text wrap="truncate-end" inverse={hasColour && isSelected}>
      {pieces.length === 0 ? ' ' : pieces}
    </Text>
  );
}
