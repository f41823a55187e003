import { copyBytes } from '../bytes/collect.ts';
import { IS_LITTLE_ENDIAN } from '../bytes/host.ts';

/** Reverses the bytes of every word, in place. */
export function swapWords(bytes: Uint8Array, wordByteLength: number): void {
  for (let at = 0; at + wordByteLength <= bytes.byteLength; at += wordByteLength) {
    bytes.subarray(at, at + wordByteLength).reverse();
  }
}

/**
 * Makes little-endian words readable through a typed array: the bytes themselves where they are aligned,
 * a copy where they are not (or the host is big-endian).
 */
export function hostWords(bytes: Uint8Array, wordByteLength: number): Uint8Array {
  if (IS_LITTLE_ENDIAN && bytes.byteOffset % wordByteLength === 0) return bytes;
  const copy = copyBytes(bytes);
  if (!IS_LITTLE_ENDIAN) swapWords(copy, wordByteLength);
  return copy;
}

/** Turns words of the host, just written, into little-endian ones, in place. */
export function littleEndianWords(bytes: Uint8Array, wordByteLength: number): Uint8Array {
  if (!IS_LITTLE_ENDIAN) swapWords(bytes, wordByteLength);
  return bytes;
}
