import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Writes derived data if that can be done: on a full disk, or in a repository that may only be read, it is left out. */
export function deriveSync(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
  }
}

/**
 * Replaces a derived file at once, for readers. Nothing is flushed: what a power cut leaves is found by its checksum, and derived
 * again.
 */
export function replaceDerived(file: string, parts: readonly Uint8Array[]): void {
  deriveSync(() => {
    mkdirSync(path.dirname(file), { recursive: true });
    const written = `${file}.${process.pid}.tmp`;
    try {
      writeFileSync(written, Buffer.concat(parts));
      renameSync(written, file);
    } catch (error) {
      rmSync(written, { force: true });
      throw error;
    }
  });
}
