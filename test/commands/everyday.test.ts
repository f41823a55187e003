import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolders } from '../store/temporary.ts';
import { trainRun, writeNet } from './models.ts';
import { askWsvc, runWsvc } from './program.ts';

const temporary = temporaryFolders();
const COMMIT = expect.stringMatching(/^[0-9a-f]{40}$/);
const HASH = expect.stringMatching(/^[0-9a-f]{64}$/);
/** Between 0 and 1. */
const SHARE = expect.closeTo(0.5, -0.001);
const PLACEMENT = {
  trajectory: expect.any(String),
  position: expect.any(Number),
  relation: expect.any(String),
  confidence: SHARE,
  isNewTrajectory: expect.any(Boolean),
};

/** Run `a` has five states, of which the fourth (a3) is held out; `b` is a stranger of the same architecture. */
describe('every command keeps its promises', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporary();
    await mkdir(join(folder, 'out'));
    for (const [index, net] of trainRun(71, 5).entries()) {
      await writeNet(folder, index === 3 ? 'out/held.dat' : `a${index}.safetensors`, net);
      if (index === 4) await writeNet(folder, 'out/half.dat', net, 'f16');
    }
    for (const [index, net] of trainRun(72, 1).entries())
      await writeNet(folder, index === 0 ? 'b0.safetensors' : 'out/b1.dat', net);
    for (const net of trainRun(73, 0)) await writeNet(folder, 'out/stranger.dat', net);
  });

  it('init', async () => {
    expect(await askWsvc(folder, 'init')).toEqual({ repository: join(folder, '.wsvc') });
    expect((await runWsvc(folder, 'init')).status).toBe(0);
    expect(await askWsvc(folder, 'init', 'nested/deep')).toEqual({ repository: join(folder, 'nested/deep/.wsvc') });
  });

  it('add, status, commit', async () => {
    const bytes = (await readFile(join(folder, 'a0.safetensors'))).byteLength;
    expect(await askWsvc(folder, 'add', 'a0.safetensors')).toEqual({
      added: [
        {
          path: 'a0.safetensors',
          manifest: HASH,
          sha256: HASH,
          format: 'safetensors',
          tensors: 2,
          parameters: 24 * 12 + 4 * 24,
          bytes,
          storedBytes: expect.any(Number),
          placement: { ...PLACEMENT, position: 0, parent: null, isNewTrajectory: true },
        },
      ],
    });
    expect(await askWsvc(folder, 'status')).toMatchObject({
      branch: 'main',
      staged: [{ path: 'a0.safetensors' }],
      changed: [],
      untracked: ['a1.safetensors', 'a2.safetensors', 'a4.safetensors', 'a5.safetensors', 'b0.safetensors'],
    });
    expect(await askWsvc(folder, 'commit', '-m', 'the first')).toMatchObject({
      commits: [{ commit: COMMIT, paths: ['a0.safetensors'], placement: { ...PLACEMENT, parent: null } }],
    });
  });

  it('import, log --trajectory', async () => {
    const imported = await askWsvc<{
      trajectories: readonly { name: string; checkpoints: readonly { source: string }[] }[];
    }>(folder, 'import', '.');
    expect(imported.trajectories).toHaveLength(2);
    const [run, other] = imported.trajectories;
    expect(run?.checkpoints.map(({ source }) => source)).toEqual(
      [0, 1, 2, 4, 5].map((index) => `a${index}.safetensors`),
    );
    expect(other?.checkpoints.map(({ source }) => source)).toEqual(['b0.safetensors']);
    expect(run).toMatchObject({ ordered: true, orderConfidence: SHARE, direction: 'inferred', forkedFrom: null });
    expect(run?.checkpoints[2]).toMatchObject({
      commit: COMMIT,
      manifest: HASH,
      position: 2,
      stepLength: expect.any(Number),
      relativeStep: expect.any(Number),
      turn: expect.any(Number),
    });
    expect(run?.checkpoints[0]).toMatchObject({ stepLength: null, turn: null });
    expect(await askWsvc(folder, 'log', '--trajectory')).toEqual(imported);
    expect(await askWsvc(folder, 'log', '--trajectory', run?.name ?? '')).toEqual({ trajectories: [run] });
  });

  it('log', async () => {
    const { commits } = await askWsvc<{ commits: readonly { commit: string; parents: readonly string[] }[] }>(
      folder,
      'log',
    );
    expect(commits).toHaveLength(5);
    expect(commits[4]).toMatchObject({
      commit: COMMIT,
      parents: [],
      author: 'Ada <ada@example.org>',
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/),
      message: 'the first',
      paths: ['a0.safetensors'],
      placement: PLACEMENT,
    });
    for (const [index, { parents }] of commits.slice(0, 4).entries())
      expect(parents).toEqual([commits[index + 1]?.commit]);
    expect((await askWsvc<{ commits: unknown[] }>(folder, 'log', 'HEAD~1', '-n', '2')).commits).toHaveLength(2);
    expect((await askWsvc<{ commits: unknown[] }>(folder, 'log', '--all')).commits).toHaveLength(6);
    expect((await runWsvc(folder, 'log', '-n', '1')).stdout).toMatch(/^File: {3}\w+\.safetensors$/m);
  });

  it('identify', async () => {
    const { results } = await askWsvc<{
      results: readonly { position: number; pValue: unknown; candidates: unknown }[];
    }>(
      folder,
      'identify',
      'a1.safetensors',
      'out/half.dat',
      'out/held.dat',
      'out/b1.dat',
      'out/stranger.dat',
      '-k',
      '2',
      '--tensors',
    );
    expect(results[0]).toMatchObject({
      file: 'a1.safetensors',
      format: 'safetensors',
      sha256: HASH,
      tensors: 2,
      parameters: 384,
      known: true,
      relation: 'identical',
      nearest: {
        commit: COMMIT,
        manifest: HASH,
        source: 'a1.safetensors',
        position: 1,
        relativeDistance: 0,
        cosine: expect.closeTo(1, 6),
      },
      trajectory: expect.any(String),
      position: 1,
      parents: [{ commit: COMMIT, source: 'a1.safetensors', weight: 1 }],
      confidence: SHARE,
      tensors_detail: [
        { name: 'fc1.weight', match: { commit: COMMIT, tensor: 'fc1.weight' }, kind: 'identical' },
        { name: 'fc2.weight', match: { commit: COMMIT, tensor: 'fc2.weight' }, kind: 'identical' },
      ],
    });
    for (const result of results) expect(result).toHaveProperty('pValue');
    expect(results[1]).toMatchObject({ known: true, relation: 'cast', nearest: { source: 'a4.safetensors' } });
    expect(results[2]).toMatchObject({ known: true });
    expect(results[2]?.position).toBeGreaterThan(2);
    expect(results[2]?.position).toBeLessThan(3);
    expect(results[3]).toMatchObject({ known: true, nearest: { source: 'b0.safetensors' } });
    expect(results[4]).toMatchObject({ known: false, nearest: null, trajectory: null, position: null, parents: [] });
    for (const result of results)
      expect(JSON.stringify(result.candidates).split('"commit"').length - 1).toBeLessThanOrEqual(2);
    expect((await runWsvc(folder, 'identify', 'out/stranger.dat')).status).toBe(1);
    expect((await runWsvc(folder, 'identify', 'a1.safetensors')).status).toBe(0);
  });

  it('lineage, monitor', async () => {
    const lineage = await askWsvc<{ nodes: unknown[]; edges: readonly { child: string; parent: string }[] }>(
      folder,
      'lineage',
    );
    expect(lineage.nodes).toHaveLength(6);
    expect(lineage.nodes[0]).toEqual({ commit: COMMIT, manifest: HASH, source: expect.any(String) });
    expect(lineage.edges).toHaveLength(4);
    expect(lineage.edges[0]).toMatchObject({
      child: COMMIT,
      parent: COMMIT,
      relation: expect.any(String),
      confidence: SHARE,
      weight: 1,
    });
    expect(lineage.edges[0]).toHaveProperty('pValue');
    const monitor = await askWsvc<{ trajectory: string; steps: unknown[] }>(folder, 'monitor');
    expect(monitor.steps).toHaveLength(5);
    for (const key of [
      'commit',
      'position',
      'stepLength',
      'relativeStep',
      'turn',
      'curvature',
      'distanceFromStart',
      'flags',
    ])
      expect(monitor.steps[3]).toHaveProperty(key);
  });

  it('show, diff', async () => {
    expect(await askWsvc(folder, 'show', 'HEAD~4')).toMatchObject({
      commit: COMMIT,
      manifest: HASH,
      format: 'safetensors',
      parameters: 384,
      tensors: [
        { name: 'fc1.weight', dtype: 'f32', shape: [24, 12] },
        { name: 'fc2.weight', dtype: 'f32', shape: [4, 24] },
      ],
      placement: PLACEMENT,
    });
    const diff = await askWsvc<{ tensors: unknown[] }>(folder, 'diff', 'a0.safetensors', 'a1.safetensors');
    expect(diff).toMatchObject({ relation: expect.any(String), confidence: SHARE, summary: expect.any(String) });
    expect(diff).toHaveProperty('pValue');
    expect(diff.tensors[0]).toMatchObject({
      name: 'fc1.weight',
      status: 'changed',
      relativeChange: expect.any(Number),
      cosine: expect.any(Number),
      changedShare: SHARE,
      kind: expect.any(String),
    });
    expect((await runWsvc(folder, 'diff', 'a0.safetensors', 'HEAD~4', '--exit-code')).status).toBe(0);
    expect((await runWsvc(folder, 'diff', 'HEAD', 'HEAD~4', '--exit-code')).status).toBe(1);
    expect((await runWsvc(join(folder, 'out'), 'diff', 'half.dat', 'held.dat')).status).toBe(0);
  });

  it('restore, also in another format', async () => {
    const bytes = await readFile(join(folder, 'a0.safetensors'));
    expect(await askWsvc(folder, 'restore', 'HEAD~4', '-o', 'out/back.dat')).toMatchObject({
      path: 'out/back.dat',
      bytes: bytes.byteLength,
      sha256: HASH,
    });
    expect(await readFile(join(folder, 'out/back.dat'))).toEqual(bytes);
    for (const format of ['npz', 'pytorch', 'safetensors']) {
      await askWsvc(folder, 'restore', 'HEAD~4', '--format', format, '-o', `out/${format}.dat`);
      expect(await askWsvc(folder, 'identify', `out/${format}.dat`)).toMatchObject({
        results: [{ known: true, nearest: { source: 'a0.safetensors', relativeDistance: 0 } }],
      });
    }
  });

  it('branch, switch, tag, reset, merge-base, cat-file', async () => {
    const head = (await askWsvc<{ commits: readonly { commit: string }[] }>(folder, 'log')).commits[0]?.commit;
    expect(await askWsvc(folder, 'branch', 'side', 'HEAD~2')).toEqual([{ name: 'side', commit: COMMIT }]);
    expect(await askWsvc(folder, 'tag', 'v1')).toEqual([{ name: 'v1', commit: head }]);
    expect(await askWsvc(folder, 'tag')).toEqual([{ name: 'v1', commit: head }]);
    expect(await askWsvc(folder, 'branch')).toContainEqual({ name: 'side', commit: COMMIT, current: false });
    expect(await askWsvc(folder, 'merge-base', 'HEAD', 'side')).toMatchObject({ commit: COMMIT });
    expect(await askWsvc(folder, 'switch', 'side')).toMatchObject({
      branch: 'side',
      removed: ['a4.safetensors', 'a5.safetensors'],
    });
    expect(await askWsvc(folder, 'reset', 'v1')).toMatchObject({ commit: head });
    expect(await askWsvc(folder, 'reset', '--hard')).toMatchObject({
      commit: head,
      restored: ['a4.safetensors', 'a5.safetensors'],
    });
    expect(await askWsvc(folder, 'switch', '--detach', 'HEAD~1')).toMatchObject({ branch: null });
    expect(await askWsvc(folder, 'switch', 'side')).toMatchObject({ branch: 'side' });
    expect(await askWsvc(folder, 'cat-file', 'HEAD')).toMatchObject({ kind: 'commit' });
    expect(await askWsvc(folder, 'cat-file', 'HEAD:a5.safetensors')).toMatchObject({ kind: 'pointer' });
    const { manifest } = await askWsvc<{ manifest: string }>(folder, 'show', 'HEAD');
    expect(await askWsvc(folder, 'cat-file', manifest)).toMatchObject({ kind: 'manifest', object: manifest });
  });

  it('fsck, reindex', async () => {
    expect(await askWsvc(folder, 'fsck', '--prove')).toMatchObject({
      findings: [],
      proof: { files: 6, differingBytes: 0 },
    });
    expect(await askWsvc(folder, 'reindex')).toEqual({ checkpoints: 6 });
  });

  it('shows people lines without tricks', async () => {
    const name = 'a\n\u001b[31mred\u202e';
    const header = JSON.stringify({ [name]: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } });
    const bytes = Buffer.alloc(8 + Buffer.byteLength(header) + 4);
    bytes.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
    bytes.write(header, 8);
    await writeFile(join(folder, 'out/tricky.dat'), bytes);
    const { status, stdout, stderr } = await runWsvc(folder, 'show', 'out/tricky.dat');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('a\\u000a\\u001b[31mred\\u202e');
    for (const trick of ['\u001b', '\u202e']) expect(stdout).not.toContain(trick);
  });

  it.each(['status', 'log', 'log --graph', 'log --trajectory', 'lineage', 'monitor', 'branch', 'show HEAD', 'fsck'])(
    '%s prints lines for people, nothing on stderr',
    async (line) => {
      const { status, stdout, stderr } = await runWsvc(folder, ...line.split(' '));
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(/\S/);
      expect(stdout).not.toMatch(/undefined|NaN|\[object/);
    },
  );
});

describe('help', () => {
  const COMMANDS = (
    'add branch cat-file commit diff fsck identify import init lineage log merge-base monitor reindex reset restore show ' +
    'status switch tag'
  ).split(' ');

  it('names every command', async () => {
    const { stdout, status } = await runWsvc('/', '--help');
    expect(status).toBe(0);
    for (const command of COMMANDS) expect(stdout).toContain(`  ${command} `);
  });

  it.each(COMMANDS)('of %s has examples', async (command) => {
    const { stdout, status } = await runWsvc('/', command, '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(/EXAMPLES\n {2}.*\$ wsvc |EXAMPLES\n {2}\S.*\n+ {4}\$ wsvc /);
    expect(stdout).toContain('--json');
  });
});
