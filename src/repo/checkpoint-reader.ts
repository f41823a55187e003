import { CorruptError, WsvcError } from '../errors.ts';
import type { OpenCheckpoint } from '../formats/format.ts';
import { inTurns, readWeights, sampleWeights } from '../formats/read-weights.ts';
import { openCheckpointAs } from '../formats/registry.ts';
import type { ManifestId } from '../objects/ids.ts';
import { decodeManifest, type Manifest } from '../objects/manifest.ts';
import { decodeSummary, encodeSummary } from '../sketch/encode-summary.ts';
import { summarize } from '../sketch/summarize.ts';
import type { Summary } from '../sketch/summary.ts';
import { channelsFirstShape } from '../sketch/tensor-pass.ts';
import type { BlobStore } from '../store/blob-store.ts';
import type { AxisGraph } from '../symmetry/axis-graph.ts';
import { inferAxisGraph } from '../symmetry/infer-axes.ts';
import type { WeightSample, Weights } from '../tensors/weights.ts';
import type { DerivedLog } from './derived-log.ts';
import { KeptManifests } from './kept-manifests.ts';
import { viewNeededBlob } from './needed.ts';
import { type PrunedRecords, prunedError } from './pruned-records.ts';
import { RecentlyRead } from './recent-cache.ts';
import { storedFiles } from './stored-files.ts';

/** Reads stored checkpoints; what it returns was checked against its ids. */
export interface CheckpointReader {
  /** @throws WsvcError `pruned` when its content was given up; CorruptError */
  manifest(id: ManifestId): Promise<Manifest>;
  /** The manifest as it is stored, also of a pruned checkpoint that was not collected yet. */
  storedManifest(id: ManifestId): Promise<Manifest>;
  open(id: ManifestId): Promise<OpenCheckpoint>;
  /** From the derived log or the record of pruned ones; computed anew, and remembered, when it is in neither. */
  summary(id: ManifestId): Promise<Summary>;
  /** From memory or the derived log; undefined where it would have to be computed. */
  findSummary(id: ManifestId): Summary | undefined;
  rememberSummaries(summaries: ReadonlyMap<ManifestId, Summary>): Promise<void>;
  weights(id: ManifestId): Promise<Weights>;
  /** Some rows of each, read together: what is coded against one another is decoded once. */
  samples(ids: readonly ManifestId[]): Promise<ReadonlyMap<ManifestId, WeightSample>>;
  /** The same of one, piece by piece. */
  readSample(id: ManifestId): AsyncGenerator<void, WeightSample>;
  readonly recent: RecentlyRead;
  axisGraph(id: ManifestId): Promise<AxisGraph>;
}

/** By the list of tensors, which checkpoints with the same header share. */
const namedGraphs = new WeakMap<OpenCheckpoint['tensors'], AxisGraph>();

/** Infers the axis graph of an open checkpoint from its own graph, else from names. */
export function axisGraphOf(checkpoint: OpenCheckpoint): AxisGraph {
  if (checkpoint.graph !== undefined) return inferGraph(checkpoint);
  const graph = namedGraphs.get(checkpoint.tensors) ?? inferGraph(checkpoint);
  namedGraphs.set(checkpoint.tensors, graph);
  return graph;
}

function inferGraph(checkpoint: OpenCheckpoint): AxisGraph {
  const tensors = checkpoint.tensors.map((tensor) => ({
    name: tensor.name,
    role: tensor.role,
    shape: channelsFirstShape(tensor),
  }));
  return inferAxisGraph(tensors, checkpoint.graph);
}

/** What another version of wsvc kept is computed anew. */
function decodeKept(kept: Uint8Array): Summary | undefined {
  try {
    return decodeSummary(kept);
  } catch (error) {
    if (error instanceof WsvcError) return undefined;
    throw error;
  }
}

async function withCheckpoint<T>(checkpoint: OpenCheckpoint, use: (open: OpenCheckpoint) => Promise<T>): Promise<T> {
  try {
    return await use(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Samples the weights of an open checkpoint piece by piece, and closes it. */
export async function* sampleAndClose(checkpoint: OpenCheckpoint): AsyncGenerator<void, WeightSample> {
  try {
    return yield* sampleWeights(checkpoint);
  } finally {
    await checkpoint.close();
  }
}

/** Makes a reader over a blob store, with summaries kept in a derived log. */
export function createCheckpointReader(
  blobs: BlobStore,
  summaries: DerivedLog,
  pruned: PrunedRecords,
): CheckpointReader {
  const manifests = new KeptManifests();
  const graphs = new Map<ManifestId, AxisGraph>();
  const decoded = new Map<ManifestId, Summary>();
  const recent = new RecentlyRead();

  async function manifest(id: ManifestId): Promise<Manifest> {
    const gone = await pruned.find(id);
    if (gone !== undefined) throw prunedError(`checkpoint ${id}`, gone);
    return storedManifest(id);
  }

  async function storedManifest(id: ManifestId): Promise<Manifest> {
    const known = manifests.find(id);
    if (known !== undefined) return known;
    const read = decodeManifest(await viewNeededBlob(blobs, id));
    manifests.keep(id, read);
    return read;
  }

  async function open(id: ManifestId): Promise<OpenCheckpoint> {
    const stored = (await pruned.find(id)) === undefined ? manifests.findLayout(id) : undefined;
    const { format, files } = stored ?? (await manifest(id));
    return openCheckpointAs(format, storedFiles({ files }, blobs));
  }

  function findSummary(id: ManifestId): Summary | undefined {
    const known = decoded.get(id);
    if (known !== undefined) return known;
    const kept = summaries.get(id);
    const found = kept === undefined ? undefined : decodeKept(kept);
    if (found !== undefined) decoded.set(id, found);
    return found;
  }

  async function summary(id: ManifestId): Promise<Summary> {
    const found = findSummary(id) ?? (await pruned.summary(id)) ?? (await computeSummary(id));
    decoded.set(id, found);
    return found;
  }

  async function computeSummary(id: ManifestId): Promise<Summary> {
    const computed = await withCheckpoint(await open(id), (checkpoint) => summarize(checkpoint));
    const stored = await manifest(id);
    computed.files.forEach((file, index) => {
      if (file.sha256 !== stored.files[index]?.sha256) throw new CorruptError(`checkpoint ${id} does not restore`);
    });
    await summaries.append([{ key: id, payload: encodeSummary(computed) }]);
    return computed;
  }

  async function* readSample(id: ManifestId): AsyncGenerator<void, WeightSample> {
    return yield* sampleAndClose(await open(id));
  }

  return {
    manifest,
    storedManifest,
    open,
    summary,
    findSummary,
    async rememberSummaries(entries) {
      for (const [id, entry] of entries) decoded.set(id, entry);
      const unknown = [...entries].filter(([id]) => summaries.get(id) === undefined);
      await summaries.append(unknown.map(([key, entry]) => ({ key, payload: encodeSummary(entry) })));
    },
    weights: (id) => recent.readWeights(id, async () => withCheckpoint(await open(id), readWeights)),
    samples: (ids) => recent.readSamples(ids, (missing) => inTurns(missing.map(readSample))),
    readSample,
    recent,
    async axisGraph(id) {
      const known = graphs.get(id);
      if (known !== undefined) return known;
      const graph = await withCheckpoint(await open(id), async (checkpoint) => axisGraphOf(checkpoint));
      graphs.set(id, graph);
      return graph;
    },
  };
}
