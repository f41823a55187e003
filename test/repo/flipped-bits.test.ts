import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { WsvcError } from '../../src/errors.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkDerived } from '../../src/repo/check-derived.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import type { Repository } from '../../src/repo/repository.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { fastFolder, temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const temporary = temporaryFolders(fastFolder());
/** Every so-many-th byte of a file is tried; `FULL=1` tries all, and all eight bits of each; `FULL=2/8` the second of eight parts of these. */
const isFull = process.env.FULL !== undefined;
const [, PART = '1', PARTS = '1'] = /^(\d+)\/(\d+)$/.exec(process.env.FULL ?? '') ?? [];

/** How many checkpoints are committed. */
const SAVED = isFull ? 1 : 2;
/** The one that is read back. */
const LAST = `step-${SAVED - 1}.safetensors`;

/** What carries no meaning: who holds the lock is for people. */
const WITHOUT_MEANING = new Set(['lock']);

async function makeRepository(): Promise<string> {
  const folder = await temporary();
  await createIn(folder);
  let model: Model = { 'fc.weight': randomMatrix(6, 5, 1) };
  for (let i = 0; i < SAVED; i++) {
    await saveFiles(folder, [await writeModel(folder, `step-${i}.safetensors`, model)]);
    model = moveModel(model, 10 + i);
  }
  await finish(addFiles(await openIn(folder), [await writeModel(folder, 'staged.safetensors', model)]));
  return folder;
}

async function filesOf(repository: string): Promise<readonly string[]> {
  const entries = await readdir(repository, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.filter((file) => !WITHOUT_MEANING.has(relative(repository, file))).sort();
}

/** Git reads the names of settings in capitals and small letters alike: their difference says nothing. */
const isOtherCase = (name: string, a: Buffer, b: Buffer): boolean =>
  name === 'config' && a.toString('latin1').toLowerCase() === b.toString('latin1').toLowerCase();

function inflated(bytes: Buffer): Buffer | undefined {
  try {
    return inflateSync(bytes);
  } catch {
    return undefined;
  }
}

/** Between the last code of a compressed object and its checksum up to seven bits fill a byte: nothing reads them. */
function isPadding(name: string, a: Buffer, b: Buffer): boolean {
  if (!/^objects\/[0-9a-f]{2}\//.test(name)) return false;
  const [before, after] = [inflated(a), inflated(b)];
  return before !== undefined && after !== undefined && before.equals(after);
}

/** True when fsck ends in findings, or in a typed error. Where all bits are tried, of derived data the part of fsck that looks at it. */
async function isFound(folder: string, derivedOf?: Repository): Promise<boolean> {
  try {
    if (derivedOf !== undefined) {
      for await (const _finding of checkDerived(derivedOf)) return true;
      return false;
    }
    return (await finish(checkRepository(await openIn(folder)))).findings.length > 0;
  } catch (error) {
    if (error instanceof WsvcError && error.code !== 'bug') return true;
    throw error;
  }
}

/** The file as it was added, or a typed error. */
async function expectNeverReturned(folder: string, expected: Uint8Array): Promise<void> {
  const output = join(folder, 'out.bin');
  const restore = async () => finish(restoreFiles(await openIn(folder), [LAST], { output, force: true }));
  const restored = await restore().then(
    () => true,
    (error) => {
      expect(error).toBeInstanceOf(WsvcError);
      return false;
    },
  );
  if (restored) expect(new Uint8Array(await readFile(output))).toEqual(expected);
}

function regionOf(name: string): string {
  if (name.startsWith('objects/pack')) return name.endsWith('.idx') ? 'git pack indices' : 'git packs';
  if (name.startsWith('objects/')) return 'git objects';
  return name.includes('/') ? (name.split('/')[0] ?? '') : name;
}

describe('a flipped bit', () => {
  it('anywhere in a repository is found by fsck, and never returned as data', async () => {
    const folder = await makeRepository();
    const repository = join(folder, '.wsvc');
    const expected = new Uint8Array(await readFile(join(folder, LAST)));
    expect(await isFound(folder)).toBe(false);
    const opened = await openIn(folder);
    const tried = new Map<string, number>();
    const missed: string[] = [];
    let meaningless = 0;
    for (const [index, file] of (await filesOf(repository)).entries()) {
      const name = relative(repository, file);
      const bytes = await readFile(file);
      const step = isFull ? 1 : Math.max(1, Math.ceil(bytes.byteLength / (name.startsWith('derived/') ? 4 : 12)));
      for (let at = isFull ? 0 : index % step; at < bytes.byteLength; at += step) {
        if (isFull && at % Number(PARTS) !== Number(PART) - 1) continue;
        for (const bit of isFull ? [0, 1, 2, 3, 4, 5, 6, 7] : [(at * 5 + index) % 8]) {
          const flipped = Buffer.from(bytes);
          flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
          await writeFile(file, flipped);
          const isDerived = name.startsWith('derived/');
          const found = await isFound(folder, isDerived && isFull ? opened : undefined);
          const isNothing = isOtherCase(name, bytes, flipped) || isPadding(name, bytes, flipped);
          if (!found && isNothing) meaningless += 1;
          else if (!found) missed.push(`${name} byte ${at} bit ${bit}`);
          if (!isDerived) await expectNeverReturned(folder, expected);
          tried.set(regionOf(name), (tried.get(regionOf(name)) ?? 0) + 1);
        }
      }
      await writeFile(file, bytes);
    }
    const counts = [...tried].map(([region, count]) => `${region} ${count}`).join(', ');
    console.log(
      `flipped ${[...tried.values()].reduce((a, b) => a + b, 0)} bits: ${counts}; ${meaningless} say nothing`,
    );
    expect(missed).toEqual([]);
    expect(await isFound(folder)).toBe(false);
  }, 6_000_000);
});
