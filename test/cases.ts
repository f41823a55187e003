import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The real model files that lie beside the project; they are never part of it. */
const CASES = fileURLToPath(new URL('../../shared/cases', import.meta.url));

/** True where the folder of real model files is there; says so once when it is not. */
export const hasCases = existsSync(CASES);

if (!hasCases)
  console.warn('SKIPPED: the real model files (../shared/cases) are missing; tests of real files do not run.');

/** Path of one real file: `casePath('torch', 'float16.pt')`. */
export function casePath(...names: readonly string[]): string {
  return [CASES, ...names].join('/');
}

/** Bytes of one real file. */
export function readCase(...names: readonly string[]): Uint8Array {
  return new Uint8Array(readFileSync(casePath(...names)));
}

/** File names in one folder of real files, sorted; none when the folder is missing. */
export function listCases(folder: string, pattern = /./): readonly string[] {
  if (!existsSync(casePath(folder))) return [];
  return readdirSync(casePath(folder))
    .filter((name) => pattern.test(name))
    .sort();
}
