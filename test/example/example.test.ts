import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import type { Operation } from '../../src/repo/operation.ts';
import { openRepository, type Repository } from '../../src/repo/repository.ts';
import { exampleEnvironment, exampleFiles, makeExample } from './make-example.ts';

const KEPT = fileURLToPath(new URL('../../.wsvc-example', import.meta.url));

async function finish<Result>(operation: Operation<Result>): Promise<Result> {
  for (;;) {
    const step = await operation.next();
    if (step.done) return step.value;
  }
}

async function blobIds(repository: Repository): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const id of repository.blobs.list()) ids.push(id);
  return ids.sort();
}

describe('the example repository', () => {
  let folder: string;
  let kept: Repository;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-example-'));
    await cp(KEPT, path.join(folder, 'kept'), { recursive: true });
    kept = await openRepository(exampleEnvironment(path.join(folder, 'kept')));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is whole, and restores every file it was given', async () => {
    const { findings, checked, proof } = await finish(checkRepository(kept, { prove: true }));
    expect(findings).toEqual([]);
    expect(checked.commits).toBe(exampleFiles().length);
    expect(proof?.differingBytes).toBe(0);
  });

  it('shows the runs as they were trained', async () => {
    const truth = new Map(exampleFiles().map((file) => [`models/${file.name}`, file.truth]));
    const { trajectories } = await logTrajectories(kept);
    const found = trajectories.map(({ checkpoints }) => checkpoints.map(({ source }) => truth.get(source)));
    const runs = (name: string) => exampleFiles().flatMap((file) => (file.truth.run === name ? file.truth : []));
    expect(found).toHaveLength(3);
    for (const name of ['first', 'second', 'fork']) expect(found).toContainEqual(runs(name));
    expect(trajectories.filter(({ forkedFrom }) => forkedFrom?.position === 3)).toHaveLength(1);
  });

  it('is made anew with the same commits, blobs and files', async () => {
    const fresh = path.join(folder, 'fresh');
    await makeExample(fresh);
    const made = await openRepository(exampleEnvironment(fresh));
    expect(await made.history.listBranches()).toEqual(await kept.history.listBranches());
    expect(await made.history.listTags()).toEqual(await kept.history.listTags());
    expect(await blobIds(made)).toEqual(await blobIds(kept));
    for (const { name } of exampleFiles()) {
      const [a, b] = await Promise.all([fresh, KEPT].map((root) => readFile(path.join(root, 'models', name))));
      expect(a).toEqual(b);
    }
  });
});
