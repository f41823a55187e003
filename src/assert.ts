import { WsvcError } from './errors.ts';

/** Closes an exhaustive switch: a new union member fails to compile here. */
export function unreachable(value: never): never {
  throw new WsvcError('bug', `Unexpected value: ${JSON.stringify(value)}.`);
}

/** States what must hold; what does not is a bug of ours, never of the input. */
export function invariant(condition: unknown, statement: string): asserts condition {
  if (!condition) throw new WsvcError('bug', `Broken invariant: ${statement}.`);
}
