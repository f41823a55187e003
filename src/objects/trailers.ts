export type { EdgeSource, LineageTrailers, RelationWord } from './trailers-model.ts';
export { formatCommitMessage, type ParsedMessage, parseCommitMessage } from './trailers-text.ts';
