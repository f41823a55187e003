import type { FormatName } from '../../src/formats/format.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { listCases, readCase } from '../cases.ts';
import { memoryFiles } from '../formats/files.ts';
import { hdf5Seeds } from './seeds/hdf5.ts';
import { modelSeeds } from './seeds/models.ts';
import { pickleSeeds } from './seeds/pickles.ts';
import { type Seed, seedOf } from './seeds/seed.ts';
import { writtenSeeds } from './seeds/writers.ts';

/** Real files up to this size are seeds too. */
const MAX_CASE_BYTES = 5000;
/** The tar container is padded to this. */
const TAR_BYTES = 10_240;
const FOLDERS = ['hdf5', 'joblib', 'numpy', 'onnx', 'safetensors', 'torch'];

/** Small real files of the folder that open alone, by the format that they open as. */
async function caseSeeds(folder: string): Promise<readonly Seed[]> {
  const seeds: Seed[] = [];
  for (const name of listCases(folder, /\.\w+$/)) {
    const bytes = readCase(folder, name);
    if (bytes.byteLength > (name.endsWith('.tar') ? TAR_BYTES : MAX_CASE_BYTES)) continue;
    const opened = await openKnownCheckpoint(memoryFiles({ [name]: bytes })).catch(() => undefined);
    if (opened === undefined) continue;
    seeds.push(seedOf(opened.format, name, bytes));
    await opened.close();
  }
  return seeds;
}

/**
 * All seeds, by format; the same on every machine that has the same real files.
 *
 * @param withCases false leaves the real files out
 */
export async function collectSeeds(withCases = true): Promise<ReadonlyMap<FormatName, readonly Seed[]>> {
  const own = [...(await writtenSeeds()), ...pickleSeeds(), ...modelSeeds(), ...(await hdf5Seeds())];
  const real: Seed[] = [];
  for (const folder of withCases ? FOLDERS : []) real.push(...(await caseSeeds(folder)));
  const byFormat = new Map<FormatName, Seed[]>();
  for (const seed of [...own, ...real]) {
    const seeds = byFormat.get(seed.format) ?? [];
    byFormat.set(seed.format, [...seeds, seed]);
  }
  return byFormat;
}
