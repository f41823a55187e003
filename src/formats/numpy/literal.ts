/** A value of the Python literal that a header is: text, number, truth value, list or tuple, or dictionary. */
export type Literal = string | number | boolean | readonly Literal[] | ReadonlyMap<string, Literal>;

/** Headers nest a structured type in a tuple in a dictionary; deeper ones are attacks on the stack. */
const MAX_DEPTH = 16;

const TOKEN = /\s*(?:('[^'\\]*'|"[^"\\]*")|(\d+)L?|(True|False)\b|([{}()[\],:]))\s*/y;

/** The text, and where reading has got to. */
interface Cursor {
  readonly text: string;
  at: number;
}

type Token = { readonly value: string | number | boolean } | { readonly sign: string };

function nextToken(cursor: Cursor): Token | undefined {
  TOKEN.lastIndex = cursor.at;
  const match = TOKEN.exec(cursor.text);
  if (match === null) return undefined;
  cursor.at = TOKEN.lastIndex;
  const [, quoted, digits, truth, sign] = match;
  if (quoted !== undefined) return { value: quoted.slice(1, -1) };
  if (digits !== undefined) return { value: Number(digits) };
  return truth === undefined ? { sign: sign ?? '' } : { value: truth === 'True' };
}

/** True when the sign comes next, which is then taken. */
function takeSign(cursor: Cursor, sign: string): boolean {
  const start = cursor.at;
  const token = nextToken(cursor);
  if (token !== undefined && 'sign' in token && token.sign === sign) return true;
  cursor.at = start;
  return false;
}

function parseItems(cursor: Cursor, close: string, depth: number): readonly Literal[] | undefined {
  const items: Literal[] = [];
  while (!takeSign(cursor, close)) {
    const item = parseValue(cursor, depth);
    if (item === undefined) return undefined;
    items.push(item);
    if (!takeSign(cursor, ',')) return takeSign(cursor, close) ? items : undefined;
  }
  return items;
}

function parseDictionary(cursor: Cursor, depth: number): ReadonlyMap<string, Literal> | undefined {
  const entries = new Map<string, Literal>();
  while (!takeSign(cursor, '}')) {
    const key = parseValue(cursor, depth);
    if (typeof key !== 'string' || entries.has(key) || !takeSign(cursor, ':')) return undefined;
    const value = parseValue(cursor, depth);
    if (value === undefined) return undefined;
    entries.set(key, value);
    if (!takeSign(cursor, ',')) return takeSign(cursor, '}') ? entries : undefined;
  }
  return entries;
}

function parseValue(cursor: Cursor, depth: number): Literal | undefined {
  const token = depth > MAX_DEPTH ? undefined : nextToken(cursor);
  if (token === undefined) return undefined;
  if ('value' in token) return token.value;
  if (token.sign === '(') return parseItems(cursor, ')', depth + 1);
  if (token.sign === '[') return parseItems(cursor, ']', depth + 1);
  return token.sign === '{' ? parseDictionary(cursor, depth + 1) : undefined;
}

/** Parses a Python literal, also as Python 2 wrote it (`3L`); `undefined` when the text is none. Nothing is evaluated. */
export function parseLiteral(text: string): Literal | undefined {
  const cursor: Cursor = { text, at: 0 };
  const value = parseValue(cursor, 0);
  return cursor.at === text.length ? value : undefined;
}
