import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import type { CheckpointFile, OpenCheckpoint, TensorEntry } from '../format.ts';
import { closeFiles } from '../verbatim.ts';
import { openSiblings, readWeightMap, type WeightMap } from '../weight-map.ts';
import { readSafetensorsHeader } from './header.ts';
import { toEntries, verbatimCheckpoint } from './open.ts';

/** Every tensor of a shard is one that the index says is there, and the other way round. */
function checkPlaces(map: WeightMap, files: readonly CheckpointFile[], tensors: readonly TensorEntry[]): void {
  for (const { name, at } of tensors) {
    const actual = at === undefined ? undefined : files[at.file]?.name;
    if (map.fileOf.get(name) === actual) continue;
    throw badFile('safetensors', `the index must say that ${JSON.stringify(name)} is in ${JSON.stringify(actual)}`);
  }
  const found = new Set(tensors.map((tensor) => tensor.name));
  for (const [name, file] of map.fileOf) {
    if (!found.has(name)) throw badFile('safetensors', `${JSON.stringify(file)} must hold ${JSON.stringify(name)}`);
  }
}

async function readShards(map: WeightMap, files: readonly CheckpointFile[]): Promise<OpenCheckpoint> {
  const tensors: TensorEntry[] = [];
  for (const [index, { source }] of files.entries()) {
    if (index > 0) tensors.push(...toEntries(await readSafetensorsHeader(source), index));
  }
  checkPlaces(map, files, tensors);
  return verbatimCheckpoint(files, tensors, Object.entries(map.metadata));
}

/** Opens a sharded checkpoint by its index: the index is its first file, then come the shards in name order. */
export async function openShardedSafetensors(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const map = await readWeightMap(primary, 'safetensors');
  const shards = await openSiblings(files, map.fileNames, 'safetensors');
  try {
    return await readShards(map, [{ name: files.primary, source: primary }, ...shards]);
  } catch (error) {
    await closeFiles(shards);
    throw error;
  }
}
