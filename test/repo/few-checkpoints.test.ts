import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identifyFiles } from '../../src/repo/identify-files.ts';
import { readLineageView } from '../../src/repo/lineage-view.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { monitorRun } from '../../src/repo/monitor-run.ts';
import { createIn, finish, type Model, moveModel, openIn, randomMatrix, saveFiles, writeModel } from './workspace.ts';

const drawModel = (seed: number): Model => ({
  'fc1.weight': randomMatrix(24, 16, seed),
  'fc2.weight': randomMatrix(10, 24, seed + 1),
});

describe('a repository of few checkpoints', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-few-'));
    await createIn(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const ask = async (...files: readonly string[]) => (await finish(identifyFiles(await openIn(folder), files))).results;
  const write = (name: string, model: Model) => writeModel(folder, name, model);

  it('knows nothing where nothing is stored', async () => {
    const [answer] = await ask(await write('a.safetensors', drawModel(1)));
    expect(answer).toMatchObject({ known: false, nearest: null, candidates: [] });
    expect((await logTrajectories(await openIn(folder))).trajectories).toEqual([]);
  });

  it('answers every question about one', async () => {
    const model = drawModel(1);
    await saveFiles(folder, [await write('a.safetensors', model)]);
    const [same, next, stranger] = await ask(
      await write('copy.safetensors', model),
      await write('next.safetensors', moveModel(model, 7, 0.002)),
      await write('stranger.safetensors', drawModel(50)),
    );
    expect(same).toMatchObject({ known: true, relation: 'identical' });
    expect(next).toMatchObject({ known: true });
    expect(next?.parents.map(({ source }) => source)).toEqual(['a.safetensors']);
    expect(stranger).toMatchObject({ known: false });
    const { trajectories } = await logTrajectories(await openIn(folder));
    expect(trajectories.map(({ checkpoints }) => checkpoints.length)).toEqual([1]);
    expect((await monitorRun(await openIn(folder), trajectories[0]?.name)).steps).toHaveLength(1);
  });
});

describe('a question about a repository', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'wsvc-ask-'));
    await createIn(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has the same answer alone as among many, which are answered from tables', async () => {
    const files: string[] = [];
    for (let run = 0; run < 4; run++) {
      let model = drawModel(100 * run);
      for (let step = 0; step < 3; step++) {
        files.push(await writeModel(folder, `stored/${run}-${step}.safetensors`, model));
        model = moveModel(model, 100 * run + step, 0.002);
      }
      files.push(await writeModel(folder, `late/${run}.safetensors`, model));
    }
    await saveFiles(
      folder,
      files.filter((file) => file.includes('stored')),
    );
    const shared = { ...drawModel(900), 'fc1.weight': drawModel(200)['fc1.weight'] ?? randomMatrix(24, 16, 1) };
    files.push(await writeModel(folder, 'late/shared.safetensors', shared));
    files.push(await writeModel(folder, 'late/stranger.safetensors', drawModel(777)));
    const together = (await finish(identifyFiles(await openIn(folder), files))).results;
    for (const [i, file] of files.entries()) {
      const [alone] = (await finish(identifyFiles(await openIn(folder), [file]))).results;
      expect(alone).toEqual(together[i]);
    }
    expect(together.filter(({ relation }) => relation === 'identical')).toHaveLength(12);
    expect(together.at(-1)?.known).toBe(false);
  });

  it('is not answered by what only another branch or nobody has any longer', async () => {
    const model = drawModel(1);
    await saveFiles(folder, [await writeModel(folder, 'a.safetensors', model)]);
    await saveFiles(folder, [await writeModel(folder, 'b.safetensors', drawModel(40))]);
    const repository = await openIn(folder);
    const { archive } = await readLineageView(repository);
    const [gone] = archive.members;
    if (gone?.commit === undefined) throw new Error('two checkpoints are stored');
    const branches = await repository.history.listBranches();
    const holder = branches.find(({ commit }) => commit === gone.commit);
    if (holder === undefined) throw new Error('each stands on a branch of its own');
    await repository.history.deleteBranch(holder.name);
    const [answer] = (await finish(identifyFiles(await openIn(folder), [path.join(folder, gone.source)]))).results;
    expect(answer?.relation).not.toBe('identical');
  });
});
