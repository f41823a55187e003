import { invariant } from '../assert.ts';

/** A JSON object as `JSON.parse` makes it: every key is its own property, also `__proto__`. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** True for a JSON object; arrays and null are none. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for a list of texts. */
export function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** True for what a shape may be: a list of whole numbers that a double holds. */
export function isShape(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

/** Decodes UTF-8; `undefined` when the bytes are none. A byte order mark is kept: JSON has none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Parses JSON; `undefined` when the text is none (JSON itself has no `undefined`). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Index just past the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** The next character that is no white space. */
function nextSign(text: string, start: number): string | undefined {
  let at = start;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at];
}

/**
 * Finds a key that an object has twice: parsers differ in which one they take, so a file that has one means two things.
 *
 * @param text valid JSON
 */
export function findDuplicateKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '{') open.push(new Set());
    else if (sign === '}') open.pop();
    if (sign !== '"') continue;
    const end = endOfString(text, at);
    if (nextSign(text, end) === ':') {
      const key: unknown = JSON.parse(text.slice(at, end));
      const keys = open.at(-1);
      invariant(typeof key === 'string' && keys !== undefined, 'the text is valid JSON');
      if (keys.has(key)) return key;
      keys.add(key);
    }
    at = end - 1;
  }
  return undefined;
}
