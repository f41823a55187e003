import type { ReactNode } from 'react';
import { Lines } from './Lines.tsx';
import { type Span, span } from './span.ts';
import type { BrowserState, Prompt } from './state.ts';
import { cutEnd, cutStart, displayWidth, toPrintable } from './text-width.ts';

const QUESTIONS = { filter: '/', identify: 'identify file: ', restore: 'restore to: ' } as const satisfies Record<
  Prompt['purpose'],
  string
>;
const CURSOR = '█';

function promptSpans({ purpose, text, choices }: Prompt, columns: number): readonly Span[] {
  const question = QUESTIONS[purpose];
  const typed = cutStart(toPrintable(text), Math.max(1, columns - displayWidth(question) - 1));
  const shown = [span(question, 'strong'), span(`${typed}${CURSOR}`)];
  return choices.length === 0 ? shown : [...shown, span(`  ${toPrintable(choices.join('  '))}`, 'faint')];
}

function statusSpans({ prompt, status, running, columns }: BrowserState): readonly Span[] {
  if (prompt !== undefined) return promptSpans(prompt, columns);
  if (status?.tone === 'error') return [span('error: ', 'bad'), span(cutEnd(toPrintable(status.text), columns - 7))];
  if (status !== undefined) return [span(toPrintable(status.text), 'good')];
  const [label] = Object.values(running);
  return label === undefined ? [] : [span(toPrintable(label), 'doubtful')];
}

/** What is asked, what went wrong, or what is being done. */
export function StatusLine({ state, height }: { readonly state: BrowserState; readonly height: number }): ReactNode {
  return <Lines lines={[statusSpans(state)]} height={height} hasColour={state.hasColour} />;
}
