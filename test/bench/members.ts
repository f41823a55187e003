import { collectBytes } from '../../src/bytes/collect.ts';
import { memorySource } from '../../src/bytes/memory-source.ts';
import { sha256Hex } from '../../src/bytes/sha256.ts';
import type { OpenCheckpoint } from '../../src/formats/format.ts';
import { readWeights } from '../../src/formats/read-weights.ts';
import { openKnownCheckpoint } from '../../src/formats/registry.ts';
import { writeSafetensors } from '../../src/formats/safetensors/write.ts';
import type { MemoryEntry } from '../../src/lineage/memory-archive.ts';
import type { Query } from '../../src/lineage/model.ts';
import { type ManifestId, parseManifestId } from '../../src/objects/ids.ts';
import { summarize } from '../../src/sketch/summarize.ts';
import { inferAxisGraph } from '../../src/symmetry/infer-axes.ts';
import type { DType } from '../../src/tensors/dtype.ts';
import type { Weights } from '../../src/tensors/weights.ts';
import { toWritable } from './write-net.ts';
import type { Zoo } from './zoo.ts';

/** Weights as an open safetensors file in memory: everything that follows reads what a user's file would hold. */
export async function openAsFile(weights: Weights, dtype: DType = 'f32'): Promise<OpenCheckpoint> {
  const [file] = writeSafetensors.write(toWritable(weights, dtype), { fileName: 'model.safetensors' });
  if (file === undefined) throw new Error('A writer writes a file.');
  const bytes = await collectBytes(file.bytes());
  return openKnownCheckpoint({ primary: file.name, open: async () => memorySource(bytes) });
}

const graphOf = ({ tensors, graph }: OpenCheckpoint) => inferAxisGraph(tensors, graph);

/** Says which run and checkpoint an id stands for; ids look random, so that nothing can lean on their order. */
function idOf(scene: string, run: number, checkpoint: number): ManifestId {
  return parseManifestId(sha256Hex(new TextEncoder().encode(`${scene} ${run} ${checkpoint}`)));
}

/** A stored checkpoint and where it really belongs. */
export interface TrueMember {
  readonly entry: MemoryEntry;
  readonly run: number;
  readonly checkpoint: number;
}

/** Every checkpoint of a zoo as a member that nobody placed. */
export async function toMembers({ scene, runs }: Zoo): Promise<readonly TrueMember[]> {
  const members: TrueMember[] = [];
  for (const [run, { checkpoints, name }] of runs.entries()) {
    for (const [checkpoint, weights] of checkpoints.entries()) {
      const file = await openAsFile(weights);
      const id = idOf(scene.name, run, checkpoint);
      const entry = {
        id,
        summary: await summarize(file),
        source: `${name}/${checkpoint}`,
        weights,
        graph: graphOf(file),
      };
      members.push({ entry, run, checkpoint });
    }
  }
  return members;
}

/** Members as a repository has them once they are placed, all in their true runs, numbered in order. */
export function placeTruly(members: readonly TrueMember[]): readonly MemoryEntry[] {
  const counts = new Map<number, number>();
  return members.map(({ entry, run }) => {
    const position = counts.get(run) ?? 0;
    counts.set(run, position + 1);
    return { ...entry, trajectory: `run-${run}`, position };
  });
}

/** A file as a question. */
export async function askAbout(weights: Weights, dtype: DType = 'f32'): Promise<Query> {
  const file = await openAsFile(weights, dtype);
  const read = await readWeights(file);
  return { summary: await summarize(file), weights: async () => read, axisGraph: async () => graphOf(file) };
}
