import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { openBlobStore } from '../../src/store/pack-blob-store.ts';
import { readRecordBytes } from '../../src/store/pack-file.ts';
import { decodeRecord } from '../../src/store/pack-record.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { CODERS } from './storage-coders.ts';
import { bytesBelow, type Kept, type Peer } from './storage-peers.ts';
import { pathsOf, type StorageSet, writeSet } from './storage-sets.ts';
import { timeProcess } from './timing.ts';

/** So that the hash of a few megabytes takes longer than the clock's grain and a process's start. */
const HASHED_BYTES = 100e6;

/** What wsvc did with a set. */
interface Own extends Kept {
  /** Of these, payloads of tensors: without records' heads, indices, headers of files and manifests. */
  readonly weights: readonly number[];
  /** All of `.wsvc` in the end: history, sketches and caches too. */
  readonly everything: number;
  readonly startCpuMs: number;
  readonly restoreCpuMs: number;
  /** Bytes of all files that differ after they are restored. */
  readonly differing: number;
}

/** A set, measured. Bytes after each file, by who kept them. */
export interface Measured {
  readonly name: string;
  readonly goal: string;
  /** Plain bytes of each file. */
  readonly raw: readonly number[];
  readonly hashCpuMs: number;
  readonly own: Own;
  readonly coders: readonly (readonly number[])[];
  readonly peers: readonly Kept[];
}

function countDiffering(before: string, after: string): number {
  const [a, b] = [readFileSync(before), readFileSync(after)];
  if (a.equals(b)) return 0;
  return a.filter((byte, i) => byte !== b[i]).length + Math.max(0, b.length - a.length);
}

/** `fsck --prove` decodes everything and reports what is wrong. */
function prove(place: string): void {
  const proof: unknown = JSON.parse(runProgram(place, wsvcCommand('fsck', '--prove', '--json')));
  const findings = typeof proof === 'object' && proof !== null ? Reflect.get(proof, 'findings') : undefined;
  if (!Array.isArray(findings) || findings.length > 0)
    throw new Error(`fsck --prove found ${JSON.stringify(findings)}`);
}

/** Bytes of the payloads of all records that hold tensors. */
async function countPayloads(directory: string): Promise<number> {
  const store = await openBlobStore(directory);
  let total = 0;
  for (const { path, index } of store.packs.packs()) {
    for (const row of index.rows) {
      const { type, payload } = decodeRecord(await readRecordBytes(store.disk, path, row));
      if (type !== 'bytes') total += payload.byteLength;
    }
  }
  return total;
}

/** Adds and commits the files one by one, as training would; restores all, and compares every byte. */
async function runWsvc(place: string, files: readonly string[]): Promise<Own> {
  mkdirSync(place);
  runProgram(place, wsvcCommand('init'));
  const [sizes, weights]: [number[], number[]] = [[], []];
  let cpuMs = 0;
  for (const file of files) {
    const name = basename(file);
    copyFileSync(file, join(place, name));
    cpuMs += timeProcess(place, wsvcCommand('add', name)).cpuMs;
    runProgram(place, wsvcCommand('commit', '-m', name));
    sizes.push(bytesBelow(join(place, '.wsvc', 'blobs')));
    weights.push(await countPayloads(join(place, '.wsvc')));
  }
  const startCpuMs = timeProcess(place, wsvcCommand('status')).cpuMs;
  prove(place);
  const names = files.map((file) => basename(file));
  for (const name of names) rmSync(join(place, name));
  const restore = timeProcess(place, wsvcCommand('restore', ...names));
  const differing = files.reduce((sum, file, i) => sum + countDiffering(file, join(place, names[i] ?? '')), 0);
  const everything = bytesBelow(join(place, '.wsvc'));
  return { sizes, weights, cpuMs, everything, startCpuMs, restoreCpuMs: restore.cpuMs, differing };
}

/** CPU time of hashing the files once, with the program that people compare with. */
function hashCpuMs(files: readonly string[], bytes: number): number {
  const times = Math.max(1, Math.ceil(HASHED_BYTES / bytes));
  const repeated = Array.from({ length: times }, () => files).flat();
  return timeProcess('.', ['sha256sum', ...repeated]).cpuMs / times;
}

/** Sums so far. */
function accumulate(sizes: readonly number[]): readonly number[] {
  let sum = 0;
  return sizes.map((size) => {
    sum += size;
    return sum;
  });
}

/** Keeps a set's files in every way. */
export async function measureSet(set: StorageSet, peers: readonly Peer[]): Promise<Measured> {
  return withFolder(async (folder) => {
    const contents = set.files();
    const files = pathsOf(folder, await writeSet(folder, contents));
    const raw = files.map((file) => statSync(file).size);
    const total = raw.reduce((sum, size) => sum + size, 0);
    const isPlain = contents.every(({ container }) => container === 'safetensors');
    const tensors = contents.map((file) => file.tensors);
    const kept: Kept[] = [];
    for (const peer of peers) kept.push(await withFolder((place) => peer.store(place, files)));
    return {
      name: set.name,
      goal: set.goal,
      raw,
      hashCpuMs: hashCpuMs(files, total),
      own: await runWsvc(join(folder, 'wsvc'), files),
      coders: CODERS.map(({ code }) => (isPlain ? accumulate(code(tensors)) : [])),
      peers: kept,
    };
  });
}
