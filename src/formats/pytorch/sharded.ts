import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, OpenCheckpoint } from '../format.ts';
import { closeFiles } from '../verbatim.ts';
import { openSiblings, readWeightMap, type WeightMap } from '../weight-map.ts';
import { type ArchiveContent, readArchive, toCheckpoint } from './checkpoint.ts';
import { openLegacyStream } from './legacy-stream.ts';
import { openZipArchive } from './zip-archive.ts';

const FORMAT = 'pytorch-zip';
const ZIP_MAGIC = 0x50;

/** Opens a sharded checkpoint by its index (`pytorch_model.bin.index.json`): the index is its first file, then the shards in name order. */
export async function openShardedPytorch(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const map = await readWeightMap(primary, FORMAT);
  const shards = await openSiblings(files, map.fileNames, FORMAT);
  try {
    return await readShards(map, [{ name: files.primary, source: primary }, ...shards]);
  } catch (error) {
    await closeFiles(shards);
    throw error;
  }
}

async function readShards(map: WeightMap, files: readonly CheckpointFile[]): Promise<OpenCheckpoint> {
  const contents: ArchiveContent[] = [];
  for (const [index, file] of files.entries()) {
    if (index > 0) contents.push(await readShard(file, index, map));
  }
  return toCheckpoint(FORMAT, files, contents, toDeclared(Object.entries(map.metadata)));
}

/** Every tensor of a shard is one that the index says is there, and the other way round. */
async function readShard(file: CheckpointFile, index: number, map: WeightMap): Promise<ArchiveContent> {
  const [first] = await file.source.read(0, Math.min(1, file.source.byteLength));
  const archive = await (first === ZIP_MAGIC
    ? openZipArchive(file.source, index)
    : openLegacyStream(file.source, index));
  const content = await readArchive(FORMAT, archive);
  const shard = JSON.stringify(file.name);
  for (const { name } of content.entries) {
    if (map.fileOf.get(name) !== file.name) {
      throw badFile(FORMAT, `the index must say that ${JSON.stringify(name)} is in ${shard}`);
    }
  }
  for (const [name, fileName] of map.fileOf) {
    if (fileName === file.name && !content.stored.has(name)) {
      throw badFile(FORMAT, `${shard} must hold ${JSON.stringify(name)}`);
    }
  }
  return content;
}
