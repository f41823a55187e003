import type { Cursor } from './cursor.ts';
import type { PickleValue } from './value.ts';

/** Python's own limit for integers in decimal; converting them takes quadratic time. */
const MAX_DECIMAL_DIGITS = 4300;

/** Reads a two's complement integer of any length in linear time. */
export function readLong(cursor: Cursor, byteLength: number): PickleValue {
  const bytes = cursor.take(byteLength);
  const last = bytes.at(-1);
  if (last === undefined) return 0;
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  return narrow(last < 0x80 ? unsigned : unsigned - (1n << BigInt(8 * byteLength)));
}

/** Reads protocol 0's decimal integer, with `L` or without; `00` and `01` are the booleans. */
export function readDecimal(cursor: Cursor): PickleValue {
  const start = cursor.position;
  const text = cursor.line().trim();
  if (text === '00') return false;
  if (text === '01') return true;
  const digits = text.endsWith('L') ? text.slice(0, -1) : text;
  if (digits.length > MAX_DECIMAL_DIGITS) {
    throw cursor.broken(`a decimal integer must not have more than ${MAX_DECIMAL_DIGITS} digits`, start);
  }
  if (!/^[+-]?\d+$/.test(digits)) throw cursor.broken('an integer must be written in decimal digits', start);
  return narrow(digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits.replace('+', '')));
}

/** Reads the decimal index of protocol 0's GET and PUT. */
export function readIndex(cursor: Cursor): number {
  const start = cursor.position;
  const text = cursor.line();
  if (!/^\d{1,15}$/.test(text)) throw cursor.broken('a memo index must be a small decimal number', start);
  return Number(text);
}

/** Reads protocol 0's float. */
export function readFloatText(cursor: Cursor): number {
  const start = cursor.position;
  const text = cursor.line().trim().toLowerCase();
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return special;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(text)) throw cursor.broken('a float must be a number', start);
  return Number(text);
}

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['-nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
]);

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Decodes text; what is not UTF-8 (lone surrogates) becomes replacement characters. */
export function decodeText(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}

/**
 * A `str` of Python 2 is text or bytes, nobody knows which: ASCII becomes text, anything else stays bytes, so that `asText` and
 * `asBytes` can both be right.
 */
export function narrowOldString(bytes: Uint8Array): PickleValue {
  const isAscii = bytes.every((byte) => byte < 0x80);
  return isAscii ? Buffer.from(bytes).toString('latin1') : bytes;
}

/** Reads protocol 0's quoted string with Python's escapes. */
export function readQuoted(cursor: Cursor): PickleValue {
  const start = cursor.position;
  const text = cursor.line().trim();
  const quote = text[0];
  if (text.length < 2 || (quote !== "'" && quote !== '"') || text.at(-1) !== quote) {
    throw cursor.broken('a string must be in quotes', start);
  }
  const unescaped = text
    .slice(1, -1)
    .replace(/\\(x[0-9a-fA-F]{2}|[0-7]{1,3}|[\s\S])/g, (_, code: string) => decodeEscape(code));
  return narrowOldString(new Uint8Array(Buffer.from(unescaped, 'latin1')));
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
]);

function decodeEscape(code: string): string {
  if (/^x/.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
  if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
  return ESCAPES.get(code) ?? (/^['"\\]$/.test(code) ? code : `\\${code}`);
}

/** Reads protocol 0's text: Latin-1 with `\uXXXX` and `\UXXXXXXXX`. */
export function readEscapedText(cursor: Cursor): string {
  return cursor
    .line()
    .replace(/\\u([0-9a-fA-F]{4})|\\U(000[0-9a-fA-F]{5}|0010[0-9a-fA-F]{4})/g, (whole, short, long) => {
      const code = Number.parseInt(short ?? long, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
