import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Forest } from '../lineage/model.ts';
import { replaceDerived } from './derived-file.ts';
import { derive } from './derived-log.ts';

/** Raised whenever the method changes, of the forest or of identification, so that an older result is not taken for this one's. */
export const METHOD_VERSION = 41;
/** Forests kept: the history's, and those with one or two staged files more. */
const KEPT_FORESTS = 6;

function fileFor(derivedDirectory: string, key: string): string {
  const name = createHash('sha256').update(`${METHOD_VERSION}/${key}`).digest('hex');
  return path.join(derivedDirectory, 'forests', `${name}.json`);
}

/** The forest that was computed of exactly these checkpoints, if it is still kept. */
export async function readCachedForest(derivedDirectory: string, key: string): Promise<Forest | undefined> {
  const text = await readFile(fileFor(derivedDirectory, key), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const body = text.slice(65);
  if (createHash('sha256').update(body).digest('hex') !== text.slice(0, 64)) return undefined;
  return JSON.parse(body) as Forest;
}

async function removeOldest(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= KEPT_FORESTS) return;
  const files = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return {
        file,
        modified: await stat(file).then(
          (found) => found.mtimeMs,
          () => 0,
        ),
      };
    }),
  );
  files.sort((a, b) => b.modified - a.modified);
  await Promise.all(files.slice(KEPT_FORESTS).map(({ file }) => rm(file, { force: true })));
}

/** Keeps a forest for the next command that asks for the same checkpoints. */
export async function rememberForest(derivedDirectory: string, key: string, forest: Forest): Promise<void> {
  const file = fileFor(derivedDirectory, key);
  const body = JSON.stringify(forest);
  const checksum = createHash('sha256').update(body).digest('hex');
  replaceDerived(file, [new TextEncoder().encode(`${checksum}\n${body}`)]);
  await derive(() => removeOldest(path.dirname(file)));
}
