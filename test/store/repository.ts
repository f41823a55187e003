import { execFileSync } from 'node:child_process';
import { expect } from 'vitest';
import { checkBlobs } from '../../src/store/check-blobs.ts';
import type { PackedBlobStore } from '../../src/store/pack-blob-store.ts';

/** Runs stock git on a bare directory, without the user's settings. */
export function runGit(gitDirectory: string, ...args: readonly string[]): string {
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_CONFIG_NOSYSTEM: '1', GIT_PAGER: 'cat' };
  return execFileSync('git', [`--git-dir=${gitDirectory}`, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Stock git finds nothing wrong; commits that nothing points to are no fault. */
export function expectGitClean(gitDirectory: string): void {
  expect(runGit(gitDirectory, 'fsck', '--strict', '--full', '--no-dangling')).toBe('');
}

export async function expectBlobsClean(store: PackedBlobStore): Promise<void> {
  const found: unknown[] = [];
  for await (const finding of checkBlobs(store, { level: 'content' })) found.push(finding);
  expect(found).toEqual([]);
}

export { author, newCommit, pointerOf } from './repository-samples.ts';
