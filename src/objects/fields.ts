import { CorruptError, WsvcError } from '../errors.ts';
import type { CanonicalValue } from './canonical.ts';

/** Says that a stored record breaks a rule of docs/format.md. */
export function reject(what: string, rule: string): never {
  throw new CorruptError(`${what} breaks the format: ${rule}`);
}

/** Says that something was written by a newer wsvc. */
export function rejectVersion(what: string, found: string): never {
  throw new WsvcError('format-version', `This version of wsvc does not know the ${what} ${found}.`, {
    suggestions: ['Install a newer wsvc: the repository was written by one.'],
  });
}

export function asText(value: CanonicalValue | undefined, what: string): string {
  return typeof value === 'string' ? value : reject(what, 'it must be a string');
}

/** A non-negative safe integer. */
export function asCount(value: CanonicalValue | undefined, what: string): number {
  const isCount = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
  return isCount ? value : reject(what, 'it must be a non-negative integer');
}

/** Bytes of exactly that length. */
export function asBytes(value: CanonicalValue | undefined, byteLength: number, what: string): Uint8Array {
  const isRight = value instanceof Uint8Array && value.byteLength === byteLength;
  return isRight ? value : reject(what, `it must be ${byteLength} bytes`);
}

export function asList(value: CanonicalValue | undefined, what: string): readonly CanonicalValue[] {
  return Array.isArray(value) ? value : reject(what, 'it must be a list');
}

/** A map with the keys named as required, perhaps those named as optional, and no others. */
export function asRecord(
  value: CanonicalValue | undefined,
  what: string,
  required: readonly string[],
  optional: readonly string[] = [],
): Readonly<Record<string, CanonicalValue>> {
  const record = asMap(value, what);
  for (const key of required) if (!(key in record)) reject(what, `"${key}" must be there`);
  for (const key of Object.keys(record)) {
    if (!required.includes(key) && !optional.includes(key)) reject(what, `${JSON.stringify(key)} is no key of it`);
  }
  return record;
}

/** A map with any keys. */
export function asMap(value: CanonicalValue | undefined, what: string): Readonly<Record<string, CanonicalValue>> {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
  // Narrowed by hand: Array.isArray does not narrow a readonly array away.
  return isMap ? (value as Readonly<Record<string, CanonicalValue>>) : reject(what, 'it must be a map');
}
