import type { Declared } from './format.ts';

/** Longer strings are configuration or prose, not something a person compares. */
const MAX_VALUE_LENGTH = 200;
const MAX_ENTRIES = 64;
const NUMBER = /^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$/;

/** Reads a number where the text is one that a double holds; hashes of digits stay text. */
function toNumber(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  const isExact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value));
  return isExact ? value : undefined;
}

function toDeclaredValue(value: unknown): string | number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string' || value.length > MAX_VALUE_LENGTH || /\p{Cc}/u.test(value)) return undefined;
  return toNumber(value) ?? value;
}

/** Keeps what a file says about itself: its numbers and short texts, in the order given, numbers in texts read. */
export function toDeclared(entries: Iterable<readonly [string, unknown]>): Declared {
  const kept: [string, string | number][] = [];
  for (const [key, value] of entries) {
    const declared = toDeclaredValue(value);
    // The one key that would be taken for something else by code that assigns it.
    if (declared === undefined || key === '__proto__' || key.length > MAX_VALUE_LENGTH) continue;
    if (kept.length < MAX_ENTRIES) kept.push([key, declared]);
  }
  return Object.fromEntries(kept);
}
