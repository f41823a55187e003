/** What a piece of text is, never only its colour: every tone goes with words or signs that say the same. */
export type Tone = 'plain' | 'strong' | 'faint' | 'name' | 'id' | 'good' | 'doubtful' | 'bad' | 'measure' | 'relation';

/** A piece of a line. */
export interface Span {
  readonly text: string;
  readonly tone: Tone;
}

/** Makes a piece of a line. */
export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone };
}

/** The text of a line alone. */
export function plainText(spans: readonly Span[]): string {
  return spans.map(({ text }) => text).join('');
}
