import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directoryFiles } from '../../../src/bytes/directory-files.ts';
import { sha256Hex } from '../../../src/bytes/sha256.ts';
import { BadFileError } from '../../../src/errors.ts';
import type { OpenCheckpoint } from '../../../src/formats/format.ts';
import { readWeights } from '../../../src/formats/read-weights.ts';
import { openCheckpoint, openKnownCheckpoint } from '../../../src/formats/registry.ts';
import { casePath, hasCases, listCases, readCase } from '../../cases.ts';
import { pythonHas, runPython, runPythonWith } from '../../peers.ts';
import { brokenRule, findProblem, memoryFiles, openBytes, tensorBytes, tensorValues } from '../files.ts';
import { refuseMutants } from '../mutations.ts';

type Described = Readonly<Record<string, readonly [readonly number[], string, number | null]>>;
const peer = readFileSync(fileURLToPath(new URL('./hdf5-peer.py', import.meta.url)), 'utf8');
const hasPeer = pythonHas('h5py', 'numpy');

/** Compares all that h5py read; bit fields are no numbers to wsvc. */
async function compare(path: string, expected: Described): Promise<number> {
  const checkpoint = await openKnownCheckpoint(directoryFiles(path));
  const isKeras = checkpoint.graph !== undefined;
  let compared = 0;
  for (const tensor of checkpoint.tensors) {
    const known = expected[tensor.name] ?? expected[`model_weights/${tensor.name}`];
    if (known === undefined) continue;
    expect([tensor.shape, sha256Hex(await tensorBytes(checkpoint, tensor.name))], tensor.name).toEqual(
      known.slice(0, 2),
    );
    if (tensor.at !== undefined) expect(tensor.at.offset).toBe(known[2]);
    compared += 1;
  }
  const unread = new Set(checkpoint.unread?.map(({ name }) => name));
  const missing = Object.keys(expected).filter((name) => !unread.has(name)).length - compared;
  await checkpoint.close();
  expect([isKeras, missing]).toEqual([isKeras, 0]);
  return compared;
}

describe.runIf(hasPeer && hasCases)('h5py', () => {
  const paths = [
    ...listCases('hdf5').map((name) => casePath('hdf5', name)),
    ...listCases('series', /\.hdf5$/).map((name) => casePath('series', name)),
  ];

  it('reads the same values from every real file, at the same places', { timeout: 200_000 }, async () => {
    const described: Readonly<Record<string, Described | null>> = JSON.parse(
      runPythonWith(['h5py', 'numpy'], peer, ...paths),
    );
    let compared = 0;
    for (const path of paths) {
      const expected = described[path];
      if (expected !== null && expected !== undefined && Object.keys(expected).length > 0) {
        // A file of nothing that is read is refused.
        compared += await compare(path, expected).catch((error: unknown) => {
          if (error instanceof BadFileError && /must be readable as a tensor/.test(error.broken.rule)) return 0;
          throw error;
        });
      }
    }
    expect(compared).toBeGreaterThan(4000);
  });
});

describe.runIf(hasCases)('real HDF5 files', () => {
  it('are read, or refused with a typed error', { timeout: 200_000 }, async () => {
    const refused: string[] = [];
    for (const name of listCases('hdf5')) {
      const checkpoint = await openCheckpoint(directoryFiles(casePath('hdf5', name)));
      if (checkpoint.problem !== undefined) refused.push(name);
      for (const tensor of checkpoint.tensors) await tensorBytes(checkpoint, tensor.name);
      await checkpoint.close();
    }
    expect(refused).toEqual(expect.arrayContaining(['100B_max_dimension_size.h5', 'example.h5', 'new2.h5']));
    expect(refused.length).toBeLessThan(40);
  });

  it('of a Keras run tell its optimizer apart, and hold its graph', async () => {
    for (const name of listCases('series', /\.hdf5$/)) {
      const checkpoint = await openBytes(name, readCase('series', name));
      const roles = checkpoint.tensors.map(({ role }) => role);
      expect([
        roles.filter((role) => role === 'weight').length,
        roles.filter((role) => role === 'optimizer').length,
      ]).toEqual([80, 105]);
      expect(checkpoint.declared).toMatchObject({ optimizer: 'Adam', keras_version: '2.0.5' });
      expect(checkpoint.graph?.length).toBe(46);
      const weights = await readWeights(checkpoint);
      const shapes = [...weights].filter(
        ([key]) => key.endsWith('conv2d_1_1/kernel:0') || key.endsWith('conv2d_1/kernel:0'),
      );
      for (const [, { shape }] of shapes) expect(shape.slice(2)).toEqual([3, 3]);
      await checkpoint.close();
    }
  });
});

/** Makes small files as h5py writes them. */
const WRITE = `
import h5py, json, sys, zipfile, numpy as np
folder = sys.argv[1]
with h5py.File(folder + "/plain.h5", "w") as f:
    f["a/w"] = np.arange(6, dtype="<f4").reshape(2, 3)
    f["a/h"] = np.array([1, -2], dtype="<f2")
    f["big"] = np.arange(4, dtype=">f8")
    f["c"] = np.array([1 + 2j], dtype="c8")
    f["mask"] = np.array([True, False])
    f["text"] = "hello"
    f["special"] = np.array([np.nan, np.inf, -np.inf], dtype="f4")
    f.create_dataset("z", data=np.arange(1000, dtype="f4").reshape(100, 10), chunks=(7, 3), compression="gzip", shuffle=True, fletcher32=True)
    f.create_dataset("lzf", data=np.arange(1000, dtype="f4").reshape(100, 10), chunks=(7, 3), compression="lzf", shuffle=True)
    f.create_dataset("lzf-noise", data=np.random.default_rng(1).integers(0, 256, 4000, dtype="u1"), compression="lzf")
    f["empty"] = np.zeros((0, 3), dtype="f4")
    f.create_dataset("claim", shape=(1 << 40,), dtype="f4", chunks=(1024,), compression="gzip")
    f["loop"] = f["/"]
    f["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")
config = {"class_name": "Sequential", "config": {"name": "s", "layers": [
    {"class_name": "Conv2D", "config": {"name": "first", "activation": "relu"}},
    {"class_name": "Flatten", "config": {"name": "flat"}},
    {"class_name": "Dense", "config": {"name": "last", "activation": "linear"}}]}}
def weights(f):
    for group, given, shapes in [("conv2d", "first", [(3, 3, 1, 4), (4,)]), ("dense", None, [(16, 2), (2,)])]:
        vars = f.create_group("layers/" + group + "/vars")
        if given: vars.attrs["name"] = given
        for i, shape in enumerate(shapes): vars[str(i)] = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    f["optimizer/vars/0"] = np.array(3)
    f["optimizer/vars/1"] = np.zeros((3, 3, 1, 4), dtype="f4")
    f["metrics/mean/vars/0"] = np.array(1, dtype="f4")
with h5py.File(folder + "/model.weights.h5", "w") as f: weights(f)
for name, method in [("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)]:
    with zipfile.ZipFile(folder + "/" + name + ".keras", "w", method) as z:
        z.writestr("metadata.json", json.dumps({"keras_version": "3.5.0", "date_saved": "2024-01-01@00:00:00"}))
        z.writestr("config.json", json.dumps(config))
        z.write(folder + "/model.weights.h5", "model.weights.h5")
`;

describe.runIf(hasPeer)('files that h5py writes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wsvc-hdf5-'));
  beforeAll(() => void runPython(WRITE, folder));
  afterAll(() => rmSync(folder, { recursive: true }));
  const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
  const open = (name: string): Promise<OpenCheckpoint> => openBytes(name, bytesOf(name));

  it('are read in every type, each once, and nothing outside them', async () => {
    const checkpoint = await open('plain.h5');
    const types = Object.fromEntries(checkpoint.tensors.map(({ name, dtype }) => [name, dtype]));
    expect(types).toEqual({
      'a/h': 'f16',
      'a/w': 'f32',
      big: 'f64',
      c: 'c64',
      lzf: 'f32',
      'lzf-noise': 'u8',
      mask: 'bool',
      special: 'f32',
      z: 'f32',
      empty: 'f32',
    });
    expect(checkpoint.unread?.map(({ name, reason }) => [name, reason])).toEqual([
      ['claim', 'it claims more bytes than the file can hold'],
      ['text', 'it holds texts'],
    ]);
    expect(await tensorValues(checkpoint, 'a/h')).toEqual([1, -2]);
    expect(await tensorValues(checkpoint, 'big')).toEqual([0, 1, 2, 3]);
    expect(await tensorValues(checkpoint, 'special')).toEqual([
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
    expect(await tensorValues(checkpoint, 'z')).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(await tensorValues(checkpoint, 'lzf')).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const noise = runPythonWith(
      ['h5py', 'numpy'],
      'import numpy as np; print(np.random.default_rng(1).integers(0, 256, 4000, dtype="u1").tobytes().hex())',
    );
    expect(Buffer.from(await tensorBytes(checkpoint, 'lzf-noise')).toString('hex')).toBe(noise.trim());
    expect(await tensorBytes(checkpoint, 'empty')).toHaveLength(0);
    const placed = checkpoint.tensors.filter(({ at }) => at !== undefined).map(({ name }) => name);
    expect(placed).toEqual(['a/h', 'a/w', 'special']);
  });

  it.each(['stored.keras', 'deflated.keras'])('and Keras archives: %s', async (name) => {
    const checkpoint = await open(name);
    expect(checkpoint.format).toBe('keras');
    expect(checkpoint.declared).toMatchObject({ keras_version: '3.5.0' });
    const roles = checkpoint.tensors.map(({ name: tensor, role }) => [tensor, role]);
    expect(roles).toEqual([
      ['first/kernel', 'weight'],
      ['first/bias', 'weight'],
      ['last/kernel', 'weight'],
      ['last/bias', 'weight'],
      ['metrics/mean/vars/0', 'state'],
      ['optimizer/vars/0', 'optimizer'],
      ['optimizer/vars/1', 'optimizer'],
    ]);
    const weights = await readWeights(checkpoint);
    expect([weights.get('first/kernel')?.shape, weights.get('last/kernel')?.shape]).toEqual([
      [4, 1, 3, 3],
      [2, 16],
    ]);
    expect(checkpoint.graph?.map(({ kind, tensors }) => [kind, tensors.length])).toEqual([
      ['Conv2D', 2],
      ['Flatten', 0],
      ['Dense', 2],
    ]);
    expect(checkpoint.tensors.some(({ at }) => at !== undefined)).toBe(name === 'stored.keras');
  });

  it('give typed errors or tensors for truncations and mutants', { timeout: 300_000 }, async () => {
    const bytes = bytesOf('model.weights.h5');
    for (let end = 0; end < bytes.byteLength; end += 257) {
      expect(await findProblem(memoryFiles({ 'm.h5': bytes.slice(0, end) })), `at ${end}`).toBeDefined();
    }
    const refused = await refuseMutants(bytes, 1500, (mutant) => memoryFiles({ 'm.h5': mutant }));
    expect(refused).toBeGreaterThan(50);
  });
});

describe('hdf5', () => {
  it('refuses what only looks like it', async () => {
    const signature = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0]);
    expect(await brokenRule(memoryFiles({ 'm.h5': signature }))).toMatch(/HDF5 must be able to read it/);
  });
});
