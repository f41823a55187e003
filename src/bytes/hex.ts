import { WsvcError } from '../errors.ts';

/** Writes bytes as lower-case hex digits. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * Reads lower-case hex digits.
 *
 * @throws WsvcError `corrupt` when the text is anything else.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new WsvcError('corrupt', `Not hex digits: ${JSON.stringify(text.slice(0, 80))}.`);
  }
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
