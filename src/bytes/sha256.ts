import { createHash } from 'node:crypto';

/** A SHA-256 in the making. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Ends the hash: 64 lower-case hex digits. May be called once. */
  hex(): string;
}

/** Starts a SHA-256. */
export function createSha256(): Sha256 {
  const hash = createHash('sha256');
  return {
    update(bytes) {
      hash.update(bytes);
    },
    hex: () => hash.digest('hex'),
  };
}

/** Hashes bytes that are in memory: 64 lower-case hex digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
