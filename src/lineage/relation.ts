/** The words for how a checkpoint came from its parent, the strongest first: the order in which they are joined. */
export const RELATION_WORDS = [
  'identical',
  'recontained',
  'permuted',
  'rescaled',
  'merged',
  'averaged',
  'head-replaced',
  'pruned',
  'quantized',
  'low-rank',
  'perturbed',
  'cast',
  'between',
  'next',
  'forked',
  'fine-tuned',
  'unrelated',
] as const;

export type RelationWord = (typeof RELATION_WORDS)[number];

/** Joins words with `+`, strongest first, each once. */
export function joinWords(words: Iterable<RelationWord>): string {
  const set = new Set(words);
  return RELATION_WORDS.filter((word) => set.has(word)).join('+');
}
