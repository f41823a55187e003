import { sha256Hex } from '../../src/bytes/sha256.ts';
import { castBlock } from '../../src/codec/casts.ts';
import { type BlobId, parseBlobId } from '../../src/objects/ids.ts';
import { createBlobStore, openBlobStore } from '../../src/store/pack-blob-store.ts';
import { MAX_RESTORE_WORK } from '../../src/store/restore-work.ts';
import { withFolder } from './program.ts';
import { createRandom } from './small-net.ts';
import type { BenchTable } from './table.ts';

const CHUNKS = 2;
const CHUNK = 524_288;
const VERSIONS = 24;
const ROUNDS = 7;

type FloatType = 'f32' | 'bf16';

interface Series {
  readonly name: string;
  readonly type: FloatType;
  /** Size of a step over that of a weight. */
  readonly step: number;
}

const SERIES: readonly Series[] = [
  { name: 'f32, every weight moves by .0003 of its size', type: 'f32', step: 3e-4 },
  { name: 'f32, every weight moves by .1 of its size', type: 'f32', step: 0.1 },
  { name: 'bf16, one weight in twenty changes', type: 'bf16', step: 2e-4 },
  { name: 'bf16, one weight in a thousand changes', type: 'bf16', step: 4e-6 },
];

/** Versions of a chunk, each a step further, half of it the step before again: as momentum does. */
function* versionsOf({ type, step }: Series, seed: number): Iterable<Uint8Array> {
  const { normal } = createRandom(seed);
  const values = Float32Array.from({ length: CHUNK }, () => normal() * 0.02);
  const steps = new Float32Array(CHUNK);
  for (let version = 0; version < VERSIONS; version++) {
    const bytes = new Uint8Array(values.slice().buffer);
    yield type === 'f32' ? bytes : castBlock(bytes, 'f32', type, 'nearest');
    for (let i = 0; i < CHUNK; i++) {
      steps[i] = 0.5 * (steps[i] ?? 0) + normal() * 0.02 * step;
      values[i] = (values[i] ?? 0) + (steps[i] ?? 0);
    }
  }
}

/** Stores all versions of each chunk, one pack a version. Ids by version. */
async function storeSeries(folder: string, series: Series, seed: number): Promise<readonly (readonly BlobId[])[]> {
  const store = await createBlobStore(folder);
  const chunks = Array.from({ length: CHUNKS }, (_, i) => [...versionsOf(series, seed + i)]);
  const stored: BlobId[][] = [];
  for (let version = 0; version < VERSIONS; version++) {
    const batch = await store.beginBatch();
    const ids: BlobId[] = [];
    for (const [i, versions] of chunks.entries()) {
      const plain = versions[version] ?? new Uint8Array();
      const base = stored.at(-1)?.[i];
      const id = parseBlobId(sha256Hex(plain));
      await batch.put(id, plain, { type: series.type, ...(base === undefined ? {} : { base }) });
      ids.push(id);
    }
    await batch.commit();
    stored.push(ids);
  }
  return stored;
}

interface Restored {
  readonly ms: number;
  readonly depth: number;
  /** Stored bytes that were read. */
  readonly bytes: number;
}

/** Time of reading blobs with nothing at hand, and what is read for them. */
async function restore(folder: string, ids: readonly BlobId[]): Promise<Restored> {
  const store = await openBlobStore(folder);
  const start = process.cpuUsage();
  for (const id of ids) await store.read(id);
  const { user, system } = process.cpuUsage(start);
  const rows = ids.map((id) => store.packs.find(id)?.row);
  return {
    ms: (user + system) / 1000,
    depth: Math.max(...rows.map((row) => row?.depth ?? 0)),
    bytes: rows.reduce((sum, row) => sum + (row?.restoreByteLength ?? 0), 0),
  };
}

/** The least of several times: others only show what else the machine does. */
async function restoreOften(folder: string, ids: readonly BlobId[]): Promise<Restored> {
  const last = await restore(folder, ids);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push((await restore(folder, ids)).ms);
  return { ...last, ms: Math.min(...times) };
}

/** Stored bytes of all versions, over their plain bytes. */
async function measureShare(folder: string, versions: readonly (readonly BlobId[])[]): Promise<number> {
  const store = await openBlobStore(folder);
  const rows = versions.flat().map((id) => store.packs.find(id)?.row);
  const sum = (of: 'recordByteLength' | 'byteLength') => rows.reduce((total, row) => total + (row?.[of] ?? 0), 0);
  return sum('recordByteLength') / sum('byteLength');
}

async function measureSeries(series: Series, seed: number): Promise<readonly string[]> {
  return withFolder(async (folder) => {
    const versions = await storeSeries(folder, series, seed);
    const measured: Restored[] = [];
    for (const ids of versions) measured.push(await restoreOften(folder, ids));
    const [alone] = measured;
    const most = (of: (one: Restored) => number) => Math.max(...measured.map(of));
    const whole = alone?.ms ?? Number.NaN;
    const mean = measured.reduce((sum, { ms }) => sum + ms, 0) / measured.length;
    return [
      series.name,
      String(most(({ depth }) => depth)),
      (await measureShare(folder, versions)).toFixed(4),
      (most(({ bytes }) => bytes) / (alone?.bytes ?? Number.NaN)).toFixed(2),
      whole.toFixed(0),
      (most(({ ms }) => ms) / whole).toFixed(2),
      (mean / whole).toFixed(2),
    ];
  });
}

/** Measures what chains of deltas cost those who restore from their end. */
export async function benchChains(seed: number): Promise<BenchTable> {
  const rows = [];
  for (const series of SERIES) rows.push(await measureSeries(series, seed));
  return {
    title: 'Storage: restoring from the end of a chain, over restoring what stands alone',
    columns: [
      'series',
      'deepest chain (bound: 8)',
      'stored / raw, all versions',
      'bytes read at most, over those of the first (bound: 4)',
      'CPU ms of the first',
      `CPU at most, over the first (bound of the estimate: ${MAX_RESTORE_WORK})`,
      'CPU on average',
    ],
    rows,
    notes: [
      `${VERSIONS} versions of ${CHUNKS} chunks of ${CHUNK.toLocaleString('en')} drawn weights, each coded against the one before it where the bounds allow; read by a store that was just opened; least of ${ROUNDS}; seed ${seed}.`,
    ],
  };
}
