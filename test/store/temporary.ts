import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Memory that looks like a disk, where there is some: for tests that flush hundreds of times and do not cut the real power. */
export const fastFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());

/** Makes empty directories that are removed after the file's tests. */
export function temporaryFolders(parent = tmpdir()): () => Promise<string> {
  const made: string[] = [];
  afterAll(async () => {
    for (const path of made) await rm(path, { recursive: true, force: true });
  });
  return async () => {
    const path = await mkdtemp(join(parent, 'wsvc-'));
    made.push(path);
    return path;
  };
}
