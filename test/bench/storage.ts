import type { Bench } from './bench.ts';
import { withFolder } from './program.ts';
import { canTrainResNet, trainResNet } from './resnet-sets.ts';
import { benchChains } from './storage-chain.ts';
import { CODERS, HAS_ZSTD } from './storage-coders.ts';
import { benchCollection } from './storage-gc.ts';
import { type Measured, measureSet } from './storage-measure.ts';
import { type Kept, PEERS, type Peer } from './storage-peers.ts';
import { countNumbers, resNetSets, type StorageSet, smallSets } from './storage-sets.ts';
import type { BenchTable } from './table.ts';
import { hasProgram } from './timing.ts';

const ratio = (part: number, whole: number): string => {
  const share = part / whole;
  if (!Number.isFinite(share)) return '-';
  return share.toFixed(share < 0.001 ? 5 : share < 0.1 ? 4 : 3);
};

const lastOf = (sizes: readonly number[]): number => sizes.at(-1) ?? Number.NaN;
/** What the last file added. */
const growthOf = (sizes: readonly number[]): number => lastOf(sizes) - (sizes.length > 1 ? (sizes.at(-2) ?? 0) : 0);
const sumOf = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

interface Context {
  readonly peers: readonly Peer[];
  readonly notes: readonly string[];
}

/** Bytes by who kept them, in the order of the columns: wsvc, the coders, the peers. */
const sizesOf = ({ own, coders, peers }: Measured): readonly (readonly number[])[] => [
  own.sizes,
  own.weights,
  ...coders,
  ...peers.map(({ sizes }) => sizes),
];

const whoOf = ({ peers }: Context): readonly string[] => [
  'wsvc',
  'wsvc, numbers alone',
  ...CODERS.map(({ name }) => name),
  ...peers.map(({ name }) => name),
];

function seriesTable(measured: readonly Measured[], context: Context): BenchTable {
  return {
    title: 'Storage: stored bytes over raw bytes of a series, its first file included',
    columns: ['set', 'files', 'raw MB', ...whoOf(context), 'wsvc, all of .wsvc', 'bytes that differ after restore'],
    rows: measured.map((one) => {
      const raw = sumOf(one.raw);
      const stored = sizesOf(one).map((sizes) => ratio(lastOf(sizes), raw));
      const all = ratio(one.own.everything, raw);
      return [one.name, String(one.raw.length), (raw / 1e6).toFixed(1), ...stored, all, String(one.own.differing)];
    }),
    notes: [
      ...context.notes,
      '“wsvc” is `.wsvc/blobs`: records, indices and manifests. “Numbers alone” are the payloads of tensors: what the coders count. `fsck --prove` found nothing in any of them.',
    ],
  };
}

function lastTable(measured: readonly Measured[], context: Context): BenchTable {
  return {
    title: 'Storage: what the last file of a series adds, over its raw bytes',
    columns: ['set', 'goal (another network)', ...whoOf(context)],
    rows: measured.map((one) => {
      const raw = lastOf(one.raw);
      return [one.name, one.goal, ...sizesOf(one).map((sizes) => ratio(growthOf(sizes), raw))];
    }),
    notes: [
      ...context.notes,
      'Dense ratios depend on the size of the steps: the goals are of another network, and the re-created coders beside tell how far this one is from it.',
    ],
  };
}

const times = (cpuMs: number, { hashCpuMs }: Measured): string => (cpuMs / hashCpuMs).toFixed(1);

function cpuTable(measured: readonly Measured[], context: Context): BenchTable {
  const add = ({ cpuMs }: Kept) => cpuMs;
  return {
    title: 'Storage: CPU time of storing a series, in multiples of sha256sum of the same files',
    columns: [
      'set',
      'sha256sum, CPU ms',
      'wsvc add',
      'wsvc add, less starts',
      'wsvc restore, less the start',
      ...context.peers.map(({ name }) => name),
    ],
    rows: measured.map((one) => {
      const { own, raw, peers } = one;
      const figures = [
        own.cpuMs,
        own.cpuMs - raw.length * own.startCpuMs,
        own.restoreCpuMs - own.startCpuMs,
        ...peers.map(add),
      ];
      return [one.name, one.hashCpuMs.toFixed(1), ...figures.map((cpuMs) => times(cpuMs, one))];
    }),
    notes: [
      ...context.notes,
      '“less starts” subtracts the CPU time of `wsvc status` for each process. `git` counts `gc`.',
    ],
  };
}

async function measureAll(
  sets: readonly StorageSet[],
  network: string,
  report: (text: string) => void,
): Promise<readonly BenchTable[]> {
  const peers = PEERS.filter(({ program }) => hasProgram(program));
  const absent = PEERS.filter(({ program }) => !hasProgram(program)).map(({ name }) => name);
  const measured: Measured[] = [];
  for (const set of sets) {
    const start = performance.now();
    measured.push(await measureSet(set, peers));
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const figures = sizesOf(measured.at(-1) as Measured).map((sizes) =>
      ratio(growthOf(sizes), lastOf(measured.at(-1)?.raw ?? [])),
    );
    report(`${set.name} (${seconds} s): ${figures.join(' | ')}`);
  }
  const notes = [
    network,
    ...(absent.length > 0 ? [`NOT INSTALLED HERE, so not measured: ${absent.join(', ')}.`] : []),
    ...(HAS_ZSTD ? [] : ['The re-created coders deflate, as zstd is not installed here.']),
  ];
  const context = { peers, notes };
  return [seriesTable(measured, context), lastTable(measured, context), cpuTable(measured, context)];
}

const chosen = (sets: readonly StorageSet[], only: string | undefined): readonly StorageSet[] =>
  sets.filter(({ name }) => only === undefined || name.includes(only));

export const storage: Bench = {
  name: 'storage',
  about:
    'stored bytes and CPU of series of checkpoints, against git, git-lfs, restic, borg, zstd and coders of weights',
  async *run({ seed, large, only, report }) {
    if (large && canTrainResNet()) {
      yield* await withFolder(async (folder) => {
        report('training a ResNet-18');
        trainResNet(folder, seed);
        const network = `A ResNet-18 of 11.2 M parameters, trained by PyTorch on synthetic textures, checkpoints five steps apart (RL: one); one file each, added and committed by processes of their own; seed ${seed}.`;
        return measureAll(chosen(resNetSets(folder), only), network, report);
      });
      return;
    }
    if (large) report('NO PyTorch HERE: a fully connected network stands in for the ResNet-18.');
    const sets = chosen(smallSets(seed), only);
    const [first] = sets[0]?.files() ?? [];
    const numbers = first === undefined ? 0 : countNumbers(first);
    const network = `A fully connected network of ${Math.round(numbers / 1000)},000 weights, checkpoints five steps apart (RL: one, as small as steps of RL are); one file each, added and committed by processes of their own; seed ${seed}.`;
    yield* await measureAll(sets, network, report);
    if (only !== undefined) return;
    yield await benchChains(seed);
    yield await benchCollection(seed);
  },
};
