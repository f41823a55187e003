import { isInsideName } from '../bytes/directory-files.ts';
import type { ByteSource, FileSet } from '../bytes/source.ts';
import { badFile } from './bad-file.ts';
import type { CheckpointFile, FormatName } from './format.ts';
import { decodeUtf8, findDuplicateKey, isJsonObject, type JsonObject, parseJson } from './json.ts';
import { closeFiles } from './verbatim.ts';

/** An index holds a line a tensor; the largest there are have some 10 MB. */
const MAX_INDEX_BYTES = 100_000_000;

/** The index of a sharded checkpoint, checked: which file holds which tensor. */
export interface WeightMap {
  readonly fileOf: ReadonlyMap<string, string>;
  /** All files, in name order. */
  readonly fileNames: readonly string[];
  readonly metadata: JsonObject;
}

async function readIndexText(source: ByteSource, format: FormatName): Promise<string> {
  if (source.byteLength > MAX_INDEX_BYTES) throw badFile(format, `the index must not be over ${MAX_INDEX_BYTES} bytes`);
  const text = decodeUtf8(await source.read(0, source.byteLength));
  if (text === undefined) throw badFile(format, 'the index must be UTF-8', 0);
  return text;
}

function parseFileName(format: FormatName, tensor: string, value: unknown): string {
  if (typeof value === 'string' && isInsideName(value)) return value;
  throw badFile(format, `the index must name a file beside it for ${JSON.stringify(tensor)}`, 0);
}

/** Names sort by their code units: the same on every machine. */
function compareNames(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/**
 * Reads the index of a sharded checkpoint: `{"metadata": {...}, "weight_map": {tensor: file}}`.
 *
 * @throws BadFileError one for each rule.
 */
export async function readWeightMap(source: ByteSource, format: FormatName): Promise<WeightMap> {
  const text = await readIndexText(source, format);
  const index = parseJson(text);
  if (!isJsonObject(index)) throw badFile(format, 'the index must be a JSON object', 0);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) {
    throw badFile(format, `the index must not have the key ${JSON.stringify(duplicate)} twice`, 0);
  }
  if (!isJsonObject(index.weight_map)) throw badFile(format, 'the index must have a weight_map', 0);
  const entries = Object.entries(index.weight_map);
  const fileOf = new Map(entries.map(([tensor, file]) => [tensor, parseFileName(format, tensor, file)]));
  const fileNames = [...new Set(fileOf.values())].sort(compareNames);
  return { fileOf, fileNames, metadata: isJsonObject(index.metadata) ? index.metadata : {} };
}

/**
 * Opens files beside the primary, in the order given; on failure it closes those that it opened.
 *
 * @throws BadFileError when one is missing.
 */
export async function openSiblings(
  files: FileSet,
  names: readonly string[],
  format: FormatName,
): Promise<readonly CheckpointFile[]> {
  const opened: CheckpointFile[] = [];
  try {
    for (const name of names) {
      const source = await files.open(name);
      if (source === undefined) throw badFile(format, `the file ${JSON.stringify(name)} is missing`);
      opened.push({ name, source });
    }
    return opened;
  } catch (error) {
    await closeFiles(opened);
    throw error;
  }
}
