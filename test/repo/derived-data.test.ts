import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addFiles } from '../../src/repo/add-files.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { identifyFiles } from '../../src/repo/identify-files.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import { logHistory } from '../../src/repo/log-history.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, writeModel } from './workspace.ts';

const newModel = (seed: number): Model => ({
  first: randomMatrix(16, 12, seed),
  second: randomMatrix(8, 16, seed + 1),
});

/** Two runs of five; the last of each arrives late. */
async function writeRuns(folder: string): Promise<void> {
  for (const seed of [10, 20]) {
    let model = newModel(seed);
    for (let step = 0; step < 5; step++) {
      await writeModel(folder, `${step < 4 ? 'models' : 'late'}/${seed}-${step}.safetensors`, model);
      model = moveModel(model, seed + step + 100, 2e-3);
    }
  }
}

/** What a repository says, with every answer from a process of its own. */
async function askEverything(folder: string, between: (folder: string) => Promise<void>) {
  const late = ['late/10-4.safetensors', 'late/20-4.safetensors'];
  const answers: unknown[] = [];
  const ask = async (question: (repository: Awaited<ReturnType<typeof openIn>>) => Promise<unknown>) => {
    await between(folder);
    answers.push(await question(await openIn(folder)));
  };
  await ask((repository) => finish(importFiles(repository, [path.join(folder, 'models')])));
  for (const file of late) {
    await ask((repository) => finish(identifyFiles(repository, [file])));
    await ask((repository) => finish(addFiles(repository, [path.join(folder, file)])));
    await ask((repository) => readStatus(repository));
    await ask((repository) => finish(commitStaged(repository)));
    await ask((repository) => readStatus(repository));
    await ask((repository) => logTrajectories(repository));
    await ask((repository) => logHistory(repository, { all: true }));
  }
  return answers;
}

const derivedOf = (folder: string) => path.join(folder, '.wsvc', 'derived');

async function filesBelow(place: string): Promise<readonly string[]> {
  const found = await stat(place).catch(() => undefined);
  if (found === undefined) return [];
  if (found.isFile()) return [place];
  return (await readdir(place)).map((name) => path.join(place, name));
}

/** Each turn at another place: in a head, among hashes, among sketches, at the end. */
async function flipBit(file: string, turn: number): Promise<void> {
  const bytes = await readFile(file);
  if (bytes.byteLength === 0) return;
  const at = Math.min(Math.floor(((turn % 7) / 6) * bytes.byteLength), bytes.byteLength - 1);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (turn % 8));
  await writeFile(file, bytes);
}

describe('derived data', () => {
  let parent: string;
  let kept: unknown;
  const prepare = async (name: string): Promise<string> => {
    const folder = path.join(parent, name);
    await writeRuns(folder);
    await createIn(folder);
    return folder;
  };
  beforeAll(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'wsvc-derived-'));
    kept = await askEverything(await prepare('kept'), async () => {});
  });
  afterAll(() => rm(parent, { recursive: true, force: true }));

  it('changes no answer when it is deleted before every command', async () => {
    const answers = await askEverything(await prepare('deleted'), (folder) =>
      rm(derivedOf(folder), { recursive: true, force: true }),
    );
    expect(answers).toEqual(kept);
  });

  it.each([
    'commits.log',
    'findings.log',
    'lineage.log',
    'summaries.log',
    'stat.log',
    'members.table',
    'spreads.table',
    'saved.table',
    'views',
    'forests',
    'sketches',
  ])('changes no answer when %s is gone, ends in nonsense, or has a bit flipped', async (name) => {
    let turn = 0;
    const answers = await askEverything(await prepare(name), async (folder) => {
      turn += 1;
      const place = path.join(derivedOf(folder), name);
      if (turn % 3 === 0) return rm(place, { recursive: true, force: true });
      for (const file of await filesBelow(place)) {
        if (turn % 3 === 1) await appendFile(file, 'nonsense');
        else await flipBit(file, turn);
      }
    });
    expect(answers).toEqual(kept);
  });
});
