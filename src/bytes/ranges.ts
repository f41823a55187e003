import { WsvcError } from '../errors.ts';

/**
 * Checks that a range lies inside `available` bytes.
 *
 * @throws WsvcError `bad-file` when it does not, or is no range at all.
 */
export function checkRange(available: number, offset: number, byteLength: number): void {
  const isRange = Number.isSafeInteger(offset) && Number.isSafeInteger(byteLength) && offset >= 0 && byteLength >= 0;
  if (isRange && offset + byteLength <= available) return;
  throw new WsvcError('bad-file', `Bytes ${offset} to ${offset + byteLength} are not inside ${available} bytes.`);
}
