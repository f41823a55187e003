import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, Format, OpenCheckpoint } from '../format.ts';
import { closeFiles } from '../verbatim.ts';
import { openSiblings } from '../weight-map.ts';
import { type PlacedTensor, toCheckpoint } from './checkpoint.ts';
import { type GgufHeader, type HeaderTensor, parseGgufHeader } from './gguf-header.ts';
import { readHeader } from './header-cursor.ts';

const MAGIC = Uint8Array.of(0x47, 0x47, 0x55, 0x46);

const padded = (offset: number, alignment: number) => Math.ceil(offset / alignment) * alignment;

/** What `llama-gguf-split` names the parts of a model. */
const PART_NAME = /-(\d{5})-of-(\d{5})\.gguf$/;

function place(tensor: HeaderTensor, file: number, dataOffset: number, isBigEndian: boolean): PlacedTensor {
  const { name, shape, type, offset, byteLength } = tensor;
  return { name, shape, type, file, offset: dataOffset + offset, byteLength, isBigEndian };
}

/** In file order; between tensors there is padding, and no two share bytes. */
function placeTensors(
  { tensors, alignment, isBigEndian, byteLength }: GgufHeader,
  file: number,
  fileByteLength: number,
): readonly PlacedTensor[] {
  const dataOffset = padded(byteLength, alignment);
  const ordered = tensors.toSorted((a, b) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = 0;
  for (const tensor of ordered) {
    const quoted = JSON.stringify(tensor.name);
    const fail = (rule: string) => badFile('gguf', rule, tensor.statedAt);
    if (tensor.offset % alignment !== 0) throw fail(`the bytes of ${quoted} must begin at a multiple of the alignment`);
    if (!(dataOffset + tensor.offset + tensor.byteLength <= fileByteLength)) {
      throw fail(`the bytes of ${quoted} must be inside the file`);
    }
    if (tensor.offset < end) throw fail(`the bytes of ${quoted} must not overlap another's`);
    end = tensor.offset + tensor.byteLength;
  }
  return ordered.map((tensor) => place(tensor, file, dataOffset, isBigEndian));
}

/** The parts behind the first, in order; none of a model that is whole, and of any part but the first. */
function nameParts({ metadata }: GgufHeader, files: FileSet): readonly string[] {
  const count = metadata.get('split.count');
  if (typeof count !== 'number' || count < 2 || metadata.get('split.no') !== 0) return [];
  // A stored checkpoint's first file has no name, but the others have.
  const stored = (files.names ?? []).filter((name) => PART_NAME.test(name) && name !== files.primary).sort();
  const [, first, stated] = PART_NAME.exec(files.primary) ?? [];
  if (first === undefined) return stored;
  if (Number(first) !== 1 || Number(stated) !== count) return [];
  const part = (index: number) => `-${String(index).padStart(5, '0')}-of-${stated}.gguf`;
  return Array.from({ length: count - 1 }, (_, i) => files.primary.replace(PART_NAME, part(i + 2)));
}

function checkNames(placed: readonly PlacedTensor[]): void {
  const names = new Set<string>();
  for (const { name } of placed) {
    if (names.has(name)) throw badFile('gguf', `the tensor ${JSON.stringify(name)} must not be in two parts`);
    names.add(name);
  }
}

async function placeParts(parts: readonly CheckpointFile[]): Promise<readonly PlacedTensor[]> {
  const placed: PlacedTensor[] = [];
  for (const [i, { source }] of parts.entries()) {
    const header = await readHeader(source, 'gguf', parseGgufHeader);
    placed.push(...placeTensors(header, i + 1, source.byteLength));
  }
  return placed;
}

async function open(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const header = await readHeader(primary, 'gguf', parseGgufHeader);
  const first = placeTensors(header, 0, primary.byteLength);
  const parts = await openSiblings(files, nameParts(header, files), 'gguf');
  try {
    const placed = [...first, ...(await placeParts(parts))];
    checkNames(placed);
    const all = [{ name: files.primary, source: primary }, ...parts];
    return toCheckpoint('gguf', all, placed, toDeclared(header.metadata));
  } catch (error) {
    await closeFiles(parts);
    throw error;
  }
}

/** GGUF: llama.cpp's container. */
export const gguf: Format = {
  name: 'gguf',
  matches: (head, fileName) => fileName.endsWith('.gguf') || MAGIC.every((byte, i) => head[i] === byte),
  open,
};
