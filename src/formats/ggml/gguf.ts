import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { Format, OpenCheckpoint } from '../format.ts';
import { type PlacedTensor, toCheckpoint } from './checkpoint.ts';
import { type GgufHeader, type HeaderTensor, parseGgufHeader } from './gguf-header.ts';
import { readHeader } from './header-cursor.ts';

const MAGIC = Uint8Array.of(0x47, 0x47, 0x55, 0x46);

const padded = (offset: number, alignment: number) => Math.ceil(offset / alignment) * alignment;

function place(tensor: HeaderTensor, dataOffset: number): PlacedTensor {
  const { name, shape, type, offset, byteLength } = tensor;
  return { name, shape, type, file: 0, offset: dataOffset + offset, byteLength };
}

/** In file order; between tensors there is padding, and no two share bytes. */
function placeTensors({ tensors, alignment, byteLength }: GgufHeader, fileByteLength: number): readonly PlacedTensor[] {
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
  return ordered.map((tensor) => place(tensor, dataOffset));
}

async function open(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const header = await readHeader(primary, 'gguf', parseGgufHeader);
  const placed = placeTensors(header, primary.byteLength);
  return toCheckpoint('gguf', [{ name: files.primary, source: primary }], placed, toDeclared(header.metadata));
}

/** GGUF: llama.cpp's container. */
export const gguf: Format = {
  name: 'gguf',
  matches: (head, fileName) => fileName.endsWith('.gguf') || MAGIC.every((byte, i) => head[i] === byte),
  open,
};
