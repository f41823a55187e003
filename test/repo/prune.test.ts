import { mkdir, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describePruned } from '../../src/cli/describe-prune.ts';
import { addFiles } from '../../src/repo/add-files.ts';
import { checkRepository } from '../../src/repo/check-repository.ts';
import { collectGarbage } from '../../src/repo/collect-garbage.ts';
import { commitStaged } from '../../src/repo/commit-staged.ts';
import { identifyFiles } from '../../src/repo/identify-files.ts';
import { importFiles } from '../../src/repo/import-files.ts';
import { readLineageGraph } from '../../src/repo/lineage-graph.ts';
import { logTrajectories } from '../../src/repo/log-trajectory.ts';
import { measureUsage } from '../../src/repo/measure-usage.ts';
import { type PruneOptions, type PruneResult, pruneCheckpoints } from '../../src/repo/prune-checkpoints.ts';
import { readStatus } from '../../src/repo/read-status.ts';
import { createTag } from '../../src/repo/refs.ts';
import { reindex } from '../../src/repo/reindex.ts';
import { restoreFiles } from '../../src/repo/restore-files.ts';
import { showStored } from '../../src/repo/show-checkpoint.ts';
import { switchBranch } from '../../src/repo/switch-branch.ts';
import { undoPrune } from '../../src/repo/undo-prune.ts';
import { type Net, netBytes, trainRun, writeNet } from '../commands/models.ts';
import { askWsvc, refuseWsvc, runWsvc } from '../commands/program.ts';
import { temporaryFolders } from '../store/temporary.ts';
import { createIn, finish, openIn } from './workspace.ts';

const temporary = temporaryFolders();
const POLICY: PruneOptions = { keepLast: 2, keepEvery: 4 };
const RUN: readonly Net[] = trainRun(61, 11);
/** Leaves the run after its position 6, which no rule but descent keeps. */
const FORK: readonly Net[] = trainRun(99, 5, RUN[6], 2000).slice(1);

function netAt(nets: readonly Net[], index: number): Net {
  const net = nets[index];
  if (net === undefined) throw new Error('so many were trained');
  return net;
}

async function makeRepository(): Promise<string> {
  const folder = await temporary();
  await createIn(folder);
  for (const [index, net] of RUN.entries()) await writeNet(folder, `a${index}.safetensors`, net);
  for (const [index, net] of FORK.entries()) await writeNet(folder, `f${index}.safetensors`, net);
  await finish(importFiles(await openIn(folder), [folder]));
  return folder;
}

const prune = async (folder: string, options: PruneOptions = POLICY) =>
  finish(pruneCheckpoints(await openIn(folder), options));
const collect = async (folder: string) => finish(collectGarbage(await openIn(folder), { now: true }));

async function expectProven(folder: string, files: number): Promise<void> {
  const { findings, proof } = await finish(checkRepository(await openIn(folder), { prove: true }));
  expect(findings).toEqual([]);
  expect(proof).toMatchObject({ files, differingBytes: 0 });
}

/** All that trajectories and lineage say, but for what is marked as pruned. */
async function viewOf(folder: string) {
  const { trajectories } = await logTrajectories(await openIn(folder));
  const { edges } = await readLineageGraph(await openIn(folder));
  return {
    trajectories: trajectories.map(({ checkpoints, ...rest }) => ({
      ...rest,
      checkpoints: checkpoints.map(({ pruned: _pruned, ...checkpoint }) => checkpoint),
    })),
    edges: edges.map((edge) => JSON.stringify(edge)).sort(),
  };
}

describe('pruneCheckpoints', () => {
  it('plans without touching anything, and says why each is kept', async () => {
    const folder = await makeRepository();
    const plan = await prune(folder, { ...POLICY, dryRun: true });
    expect(plan).toMatchObject({ dryRun: true, kept: RUN.length + FORK.length - plan.pruned });
    const kept = new Map(
      plan.trajectories.flatMap(({ checkpoints }) =>
        checkpoints.map(({ source, kept: why }) => [source, why] as const),
      ),
    );
    expect(kept.get('a0.safetensors')).toBe('first');
    expect(kept.get('a1.safetensors')).toBeNull();
    const { trajectories } = await logTrajectories(await openIn(folder));
    const forks = trajectories.flatMap(({ forkedFrom }) => forkedFrom ?? []);
    expect(forks).toHaveLength(1);
    for (const { trajectory, position } of forks) {
      const point = trajectories.find(({ name }) => name === trajectory)?.checkpoints[position];
      expect(kept.get(point?.source ?? '')).not.toBeNull();
    }
    expect(plan.freedBytes).toBeGreaterThan(0);
    expect((await readStatus(await openIn(folder))).pruned).toEqual([]);
    expect(await readFile(join(folder, '.wsvc/format'), 'utf8')).toBe('1\n');
  });

  it('frees the bytes with the next collection, and history, trajectories and lineage stay as they were', async () => {
    const folder = await makeRepository();
    const before = await viewOf(folder);
    const done = await prune(folder);
    expect(await readFile(join(folder, '.wsvc/format'), 'utf8')).toBe('2\n');
    expect(await viewOf(folder)).toEqual(before);
    const { bytesBefore, bytesAfter } = await collect(folder);
    expect(bytesBefore - bytesAfter).toBeGreaterThanOrEqual(done.freedBytes * 0.95);
    await expectProven(folder, done.kept);
    const usage = await finish(measureUsage(await openIn(folder)));
    expect(usage).toMatchObject({ onlyBasesBytes: 0, unreachableBytes: 0 });
    expect(usage.trajectories.reduce((sum, { pruned }) => sum + pruned, 0)).toBe(done.pruned);
    expect(await viewOf(folder)).toEqual(before);
    await finish(reindex(await openIn(folder)));
    expect(await viewOf(folder)).toEqual(before);
    expect((await prune(folder)).pruned).toBe(0);
    expect((await collect(folder)).copied.packs).toBe(0);
  });

  it('says what needs "--now", and for how long', async () => {
    const folder = await makeRepository();
    const repository = await openIn(folder);
    const environment = { ...repository.environment, now: Date.now };
    const plan = await finish(pruneCheckpoints({ ...repository, environment }, { ...POLICY, dryRun: true }));
    expect(plan.young.bytes).toBe(plan.freedBytes);
    expect(plan.young.waitMs).toBeGreaterThan(50 * 60_000);
    expect(plan.young.waitMs).toBeLessThanOrEqual(60 * 60_000);
    const done = await prune(folder);
    expect(describePruned(done).join('\n')).toMatch(
      /All of it was written .*"wsvc gc --now".*"wsvc gc" only in \d\d minutes/,
    );
    const held = await finish(collectGarbage(await openIn(folder)));
    expect(held.bytesAfter).toBe(held.bytesBefore);
    expect(held.later.bytes).toBeGreaterThan(0);
    const packs = join(folder, '.wsvc/blobs/packs');
    for (const name of await readdir(packs)) await utimes(join(packs, name), 0, 0);
    expect(await finish(undoPrune(await openIn(folder)))).toEqual({ revived: done.pruned, gone: 0 });
    const old = await prune(folder);
    expect(old.young).toEqual({ bytes: 0, waitMs: 0 });
    expect(describePruned(old).join('\n')).toContain('"wsvc gc" frees about');
    const freed = await finish(collectGarbage(await openIn(folder)));
    expect(freed.bytesBefore - freed.bytesAfter).toBeGreaterThanOrEqual(old.freedBytes * 0.95);
    expect(freed.later).toEqual({ bytes: 0, waitMs: 0 });
  });

  it('refuses to restore what was pruned and names the nearest kept; shows and identifies it', async () => {
    const folder = await makeRepository();
    await prune(folder);
    await collect(folder);
    await rm(join(folder, 'a1.safetensors'));
    await expect(finish(restoreFiles(await openIn(folder), ['a1.safetensors']))).rejects.toMatchObject({
      code: 'pruned',
      suggestions: [expect.stringContaining('a0.safetensors')],
    });
    const shown = await showStored(await openIn(folder), 'a1.safetensors');
    expect(shown).toMatchObject({ pruned: { kept: [{ source: 'a0.safetensors' }, { source: 'a4.safetensors' }] } });
    expect(shown.tensors).toHaveLength(2);
    const { results } = await finish(identifyFiles(await openIn(folder), ['a2.safetensors']));
    expect(results[0]).toMatchObject({ known: true, relation: 'identical', position: 2, pruned: { kept: [{}, {}] } });
    // An altered copy is placed by the neighbors that are left.
    await mkdir(join(folder, 'other'));
    await writeNet(join(folder, 'other'), 'half.safetensors', netAt(RUN, 3), 'f16');
    const altered = await finish(identifyFiles(await openIn(folder), ['other/half.safetensors']));
    expect(altered.results[0]).toMatchObject({ known: true, trajectory: results[0]?.trajectory });
    const all = await finish(restoreFiles(await openIn(folder), ['.'], { force: false }));
    expect(all.pruned).toContain('a1.safetensors');
  });

  it('does not count files on disk as saved any longer, and never takes them away', async () => {
    const folder = await makeRepository();
    const done = await prune(folder);
    await collect(folder);
    expect((await readStatus(await openIn(folder))).pruned).toHaveLength(done.pruned);
    const other = (await logTrajectories(await openIn(folder))).trajectories.map(({ name }) => name);
    for (const name of other) {
      const switched = await finish(switchBranch(await openIn(folder), name)).catch((error) => error.code);
      if (typeof switched === 'string') expect(switched).toBe('not-saved');
    }
    for (const [index, net] of RUN.entries()) {
      expect(await readFile(join(folder, `a${index}.safetensors`))).toEqual(Buffer.from(await netBytes(net)));
    }
  });

  it('stores a pruned checkpoint again when it is added', async () => {
    const folder = await makeRepository();
    const done = await prune(folder);
    await collect(folder);
    await finish(addFiles(await openIn(folder), [join(folder, 'a1.safetensors')]));
    await finish(commitStaged(await openIn(folder)));
    await collect(folder);
    await expectProven(folder, done.kept + 1);
    await rm(join(folder, 'a1.safetensors'));
    await finish(restoreFiles(await openIn(folder), ['a1.safetensors']));
    expect(await readFile(join(folder, 'a1.safetensors'))).toEqual(Buffer.from(await netBytes(netAt(RUN, 1))));
  });

  it('is undone as long as nothing was collected', async () => {
    const folder = await makeRepository();
    const before = await viewOf(folder);
    const { pruned } = await prune(folder);
    expect(await finish(undoPrune(await openIn(folder)))).toEqual({ revived: pruned, gone: 0 });
    await expectProven(folder, RUN.length + FORK.length);
    expect(await viewOf(folder)).toEqual(before);
    await prune(folder);
    const early = await openIn(folder);
    await collect(folder);
    // Opened before the collection, as by a command that was waiting meanwhile.
    expect(await finish(undoPrune(early))).toEqual({ revived: 0, gone: pruned });
  });

  it('keeps pins and tags, and only what was asked for is thinned', async () => {
    const folder = await makeRepository();
    const [name = ''] = (await logTrajectories(await openIn(folder))).trajectories.map((one) => one.name);
    await createTag(await openIn(folder), 'v1', `${name}@{1}`);
    await prune(folder, { pin: [`${name}@{2}`] });
    const { trajectories } = await prune(folder, { ...POLICY, trajectories: [name] });
    const reasons = (wanted: string) =>
      trajectories.find((one) => one.name === wanted)?.checkpoints.map(({ kept }) => kept);
    expect(reasons(name)?.slice(0, 4)).toEqual(['first', 'tag', 'pin', null]);
    for (const { name: other, checkpoints } of trajectories) {
      if (other !== name) expect(checkpoints.every(({ kept }) => kept !== null)).toBe(true);
    }
    await expect(prune(folder, { ...POLICY, trajectories: ['nobody'] })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('leaves the branches of what it thins as they were', async () => {
    const folder = await makeRepository();
    const before = await viewOf(folder);
    const trunk = before.trajectories.find(({ forkedFrom }) => forkedFrom === null)?.name ?? '';
    await prune(folder, { keepLast: 1, trajectories: [trunk] });
    await collect(folder);
    expect(await viewOf(folder)).toEqual(before);
  });

  it('puts what arrives later where it belongs among those that are left', async () => {
    const folder = await temporary();
    await createIn(folder);
    const nets = trainRun(61, 11);
    for (const [index, net] of nets.entries()) {
      if (index !== 6 && index !== 11) await writeNet(folder, `a${index}.safetensors`, net);
    }
    await finish(importFiles(await openIn(folder), [folder]));
    await prune(folder);
    await collect(folder);
    await mkdir(join(folder, 'late'));
    for (const index of [6, 11]) await writeNet(join(folder, 'late'), `a${index}.safetensors`, netAt(nets, index));
    await finish(importFiles(await openIn(folder), [join(folder, 'late')]));
    const { trajectories } = await logTrajectories(await openIn(folder));
    const orders = trajectories.map(({ checkpoints }) =>
      checkpoints.map(({ source }) => Number(/a(\d+)/.exec(source)?.[1])),
    );
    const upward = nets.map((_, index) => index);
    expect([[upward], [[...upward].reverse()]]).toContainEqual(orders);
    await expectProven(
      folder,
      trajectories.flatMap(({ checkpoints }) => checkpoints).filter((one) => !one.pruned).length,
    );
  });

  it('goes with a copy of the repository', async () => {
    const folder = await makeRepository();
    const done = await prune(folder);
    await collect(folder);
    const moved = await temporary();
    await rename(join(folder, '.wsvc'), join(moved, '.wsvc'));
    await rm(join(moved, '.wsvc/derived'), { recursive: true });
    await expectProven(moved, done.kept);
    expect((await logTrajectories(await openIn(moved))).trajectories.flatMap((one) => one.checkpoints)).toHaveLength(
      RUN.length + FORK.length,
    );
  });
});

describe('a run that was added against the order that its weights tell', () => {
  it('is pruned only when somebody says which end is the last', async () => {
    const folder = await temporary();
    await askWsvc(folder, 'init');
    for (const [index, net] of [...RUN].reverse().entries()) {
      await writeNet(folder, `a${index}.safetensors`, net);
      await askWsvc(folder, 'add', `a${index}.safetensors`);
      await askWsvc(folder, 'commit');
    }
    const policy = ['prune', '--keep-last', '2'];
    const plan = await askWsvc<PruneResult>(folder, ...policy, '--dry-run');
    expect(plan.pruned).toBe(0);
    expect(plan.trajectories.every(({ doubt }) => doubt !== undefined)).toBe(true);
    expect((await runWsvc(folder, ...policy, '--dry-run')).stdout).toContain('does it end at');
    expect(await refuseWsvc(folder, ...policy, '--dry-run', '--last', 'HEAD~5')).toMatchObject({ code: 'usage' });
    const byCommits = await askWsvc<PruneResult>(folder, ...policy, '--dry-run', '--by-commits');
    const kept = byCommits.trajectories[0]?.checkpoints.filter((one) => one.kept !== null).map(({ source }) => source);
    expect(kept).toEqual(['a0.safetensors', 'a10.safetensors', 'a11.safetensors']);
    const said = await askWsvc<PruneResult>(folder, ...policy, '--yes', '--last', 'HEAD');
    expect(said.trajectories[0]).toMatchObject({ basis: 'last' });
    expect(said.pruned).toBe(RUN.length - 3);
    expect((await askWsvc<PruneResult>(folder, ...policy, '--dry-run')).pruned).toBe(0);
  }, 120_000);
});
