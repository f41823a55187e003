import { useInput } from 'ink';
import type { ReactNode } from 'react';
import type { Key } from './events.ts';
import { readKeys } from './read-keys.ts';

/** Hands on what is typed, all keys of a piece at once; draws nothing. */
export function Keyboard({ onKeys }: { readonly onKeys: (keys: readonly Key[]) => void }): ReactNode {
  useInput((input, key) => onKeys(readKeys(input, key)));
  return null;
}
