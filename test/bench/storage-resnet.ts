import { copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bitsOf, sizeOfAdaptiveClasses, sizeOfXorPlanes } from './codec-peers.ts';
import { runProgram, withFolder, wsvcCommand } from './program.ts';
import { type RawTensor, readRun, trainResNet, writeTensors } from './resnet-sets.ts';
import { bytesBelow, PEERS, type Peer } from './storage-peers.ts';
import type { BenchTable } from './table.ts';
import { hasProgram } from './timing.ts';

type FloatType = 'f32' | 'bf16' | 'f16';

/** One row: checkpoints of a run as files of these types, in order; the last is what is measured. */
interface Row {
  readonly name: string;
  readonly run: string;
  readonly types: readonly FloatType[];
  /** Which checkpoints; 0 to 2 by default. */
  readonly indices?: readonly number[];
  readonly goal: string;
}

const thrice = (type: FloatType): readonly FloatType[] => [type, type, type];

/** The rows of the goals. */
const ROWS: readonly Row[] = [
  { name: 'SGD 1e-4, f32', run: 'sgd', types: thrice('f32'), goal: '.24' },
  { name: 'SGD 1e-4, bf16', run: 'sgd', types: thrice('bf16'), goal: '.0036' },
  { name: 'SGD 1e-4, fp16', run: 'sgd', types: thrice('f16'), goal: '.0143' },
  { name: 'AdamW 1e-5, f32', run: 'adamw', types: thrice('f32'), goal: '.45' },
  { name: 'AdamW 1e-5, bf16', run: 'adamw', types: thrice('bf16'), goal: '.060' },
  { name: 'early, Adam 1e-3, f32', run: 'early', types: thrice('f32'), goal: '.62' },
  { name: 'only the last layer, f32', run: 'last', types: thrice('f32'), goal: '.0013' },
  { name: 'merged rank 4, f32', run: 'merged', types: ['f32', 'f32'], indices: [0, 1], goal: '.035' },
  { name: 'merged rank 4, bf16', run: 'merged', types: ['bf16', 'bf16'], indices: [0, 1], goal: '.07' },
  { name: 'one step of RL, bf16', run: 'rl', types: thrice('bf16'), goal: '.007' },
  { name: 'bf16 of a stored f32', run: 'sgd', types: ['f32', 'bf16'], indices: [2, 2], goal: '.001' },
  { name: 'no base, f32', run: 'sgd', types: ['f32'], indices: [2], goal: '.832' },
  { name: 'no base, bf16', run: 'sgd', types: ['bf16'], indices: [2], goal: '.664' },
  { name: 'no base, fp16', run: 'sgd', types: ['f16'], indices: [2], goal: '.846' },
];

interface Checkpoint {
  readonly file: string;
  readonly tensors: readonly RawTensor[];
}

async function writeRow(folder: string, sets: string, row: Row): Promise<readonly Checkpoint[]> {
  const checkpoints: Checkpoint[] = [];
  for (const [i, type] of row.types.entries()) {
    const tensors = readRun(sets, row.run, row.indices?.[i] ?? i, type);
    const file = `checkpoint-${i}.safetensors`;
    await writeTensors(folder, file, tensors);
    checkpoints.push({ file, tensors });
  }
  return checkpoints;
}

/** What the repository grows by with the last file; and the bytes of all files that differ after restoring. */
function runWsvc(folder: string, files: readonly string[]) {
  const place = join(folder, 'wsvc');
  runProgram(folder, ['mkdir', place]);
  runProgram(place, wsvcCommand('init'));
  const sizes = files.map((file) => {
    copyFileSync(join(folder, file), join(place, file));
    runProgram(place, wsvcCommand('add', file));
    runProgram(place, wsvcCommand('commit', '-m', file));
    return bytesBelow(join(place, '.wsvc', 'blobs'));
  });
  runProgram(place, ['rm', ...files]);
  runProgram(place, wsvcCommand('restore', ...files));
  return { grown: (sizes.at(-1) ?? 0) - (sizes.at(-2) ?? 0), differing: countDiffering(folder, place, files) };
}

function countDiffering(before: string, after: string, files: readonly string[]): number {
  return files.reduce((sum, file) => {
    const restored = existsSync(join(after, file)) ? readFileSync(join(after, file)) : new Uint8Array();
    const bytes = readFileSync(join(before, file));
    return sum + bytes.filter((byte, i) => byte !== restored[i]).length;
  }, 0);
}

/** What a peer grows by with the last file. */
async function runPeer(peer: Peer, folder: string, files: readonly string[]): Promise<number> {
  const paths = files.map((file) => join(folder, file));
  const stored = (some: readonly string[]) =>
    some.length === 0 ? 0 : withFolder((place) => peer.store(place, some).storedBytes);
  return (await stored(paths)) - (await stored(paths.slice(0, -1)));
}

/** BitX-like and FM-Delta-like coders on the pair; the planes are deflated, as Node has no zstd. */
function runCoders(base: Checkpoint | undefined, last: Checkpoint): readonly number[] | undefined {
  const others = new Map(base?.tensors.map((tensor) => [tensor.name, tensor]));
  let [xor, classes] = [0, 0];
  for (const { name, dtype, bytes } of last.tensors) {
    const other = others.get(name);
    if (dtype !== 'f32' && dtype !== 'bf16' && dtype !== 'f16') continue;
    if (other?.dtype !== dtype) return undefined;
    if (Buffer.compare(bytes, other.bytes) === 0) continue;
    const [a, b] = [bitsOf(bytes, dtype), bitsOf(other.bytes, dtype)];
    xor += sizeOfXorPlanes(a, b, 6);
    classes += sizeOfAdaptiveClasses(a, b);
  }
  return [xor, classes];
}

const ratio = (part: number, whole: number): string => {
  const share = part / whole;
  return share < 0.001 ? share.toFixed(5) : share < 0.1 ? share.toFixed(4) : share.toFixed(3);
};

async function measureRow(sets: string, row: Row, peers: readonly Peer[]): Promise<readonly string[]> {
  return withFolder(async (folder) => {
    const checkpoints = await writeRow(folder, sets, row);
    const files = checkpoints.map(({ file }) => file);
    const last = checkpoints.at(-1) ?? { file: '', tensors: [] };
    const raw = statSync(join(folder, last.file)).size;
    const own = runWsvc(folder, files);
    const coders = runCoders(checkpoints.at(-2), last)?.map((bytes) => ratio(bytes, raw)) ?? ['-', '-'];
    const others = [];
    for (const peer of peers) others.push(ratio(await runPeer(peer, folder, files), raw));
    return [row.name, row.goal, ratio(own.grown, raw), ...coders, ...others, String(own.differing)];
  });
}

/** Measures what one checkpoint of a ResNet-18 takes, given those before it, through the program. */
export async function benchResNet(seed: number, report: (text: string) => void): Promise<BenchTable> {
  const peers = PEERS.filter(({ program }) => hasProgram(program));
  const absent = PEERS.filter(({ program }) => !hasProgram(program)).map(({ name }) => name);
  return withFolder(async (sets) => {
    report('training a ResNet-18');
    trainResNet(sets, seed);
    const rows: (readonly string[])[] = [];
    for (const row of ROWS) {
      rows.push(await measureRow(sets, row, peers));
      report(rows.at(-1)?.join(' | ') ?? '');
    }
    return tableOf(rows, seed, peers, absent);
  });
}

function tableOf(
  rows: readonly (readonly string[])[],
  seed: number,
  peers: readonly Peer[],
  absent: readonly string[],
): BenchTable {
  return {
    title: 'Storage: what one more checkpoint of a ResNet-18 takes, over its raw bytes',
    columns: [
      'set',
      'goal (another network)',
      'wsvc',
      'BitX-like',
      'FM-Delta-like',
      ...peers.map(({ name }) => name),
      'bytes that differ after restore',
    ],
    rows,
    notes: [
      `11.2 M parameters, trained by PyTorch on synthetic textures, checkpoints five steps apart (RL: one); seed ${seed}. All by the program, one add and commit a file; “wsvc” is what .wsvc/blobs grows by with the last.`,
      'Dense ratios depend on the size of the steps: the goals are of another network, and the re-created coders beside tell how far this one is from it.',
      ...(absent.length > 0 ? [`NOT INSTALLED HERE, so not measured: ${absent.join(', ')}.`] : []),
    ],
  };
}
