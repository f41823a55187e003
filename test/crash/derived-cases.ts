import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CrashCase } from './operations.ts';

/** Takes away all that is computed from the rest. */
export const loseDerived = (folder: string) => rm(join(folder, '.wsvc/derived'), { recursive: true });

/** Commands that only read: what they write is derived data, which they find missing. */
export const READERS: readonly CrashCase[] = [
  ['status'],
  ['log', '--trajectory'],
  ['identify', 'a4.safetensors'],
  ['diff', 'a4.safetensors', 'HEAD'],
  ['du'],
  ['show', 'HEAD'],
  ['lineage'],
  ['monitor'],
  ['fsck'],
  ['gc', '--now', '--dry-run'],
  ['prune', '--keep-last', '1', '--dry-run'],
].map((args) => ({
  name: args.filter((word) => !/\.|HEAD/.test(word)).join(' '),
  args,
  isReader: true,
  prepare: loseDerived,
}));
