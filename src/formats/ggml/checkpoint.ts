import { invariant } from '../../assert.ts';
import { type ByteSource, CHUNK_BYTES } from '../../bytes/source.ts';
import { littleEndianWords } from '../../tensors/host.ts';
import type { CheckpointFile, Declared, FormatName, OpenCheckpoint, TensorEntry, UnreadTensor } from '../format.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import type { BlockType, DecodeBlock } from './block-type.ts';
import type { ElementType } from './element-types.ts';

/** A tensor's place; the shape is row-major: ggml's sizes in reverse. */
export interface PlacedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: ElementType;
  readonly file: number;
  readonly offset: number;
  readonly byteLength: number;
}

type Blocks = BlockType & { readonly decode: DecodeBlock };

function readableBlocks(type: ElementType): Blocks | undefined {
  if (!('block' in type) || type.block.decode === undefined) return undefined;
  return { ...type.block, decode: type.block.decode };
}

/** Blocks are read as the f32 that they stand for. */
function toEntry({ name, shape, type, file, offset, byteLength }: PlacedTensor): TensorEntry {
  if (!('dtype' in type)) {
    const { form } = type.block;
    const codes = form === undefined ? {} : { codes: { file, offset, byteLength, form } };
    return { name, dtype: 'f32', shape, role: classifyRole(name, 'f32'), ...codes };
  }
  return { name, dtype: type.dtype, shape, role: classifyRole(name, type.dtype), at: { file, offset, byteLength } };
}

function decodeBlocks(bytes: Uint8Array, { elements, byteLength, decode }: Blocks): Uint8Array {
  const count = bytes.byteLength / byteLength;
  const values = new Float32Array(count * elements);
  for (let i = 0; i < count; i += 1) decode(bytes, i * byteLength, values, i * elements);
  return littleEndianWords(new Uint8Array(values.buffer), 4);
}

async function* dequantize(source: ByteSource, tensor: PlacedTensor, blocks: Blocks): AsyncIterable<Uint8Array> {
  const pieceBytes = Math.floor(CHUNK_BYTES / 4 / blocks.elements) * blocks.byteLength;
  for (let at = 0; at < tensor.byteLength; at += pieceBytes) {
    const bytes = await source.read(tensor.offset + at, Math.min(pieceBytes, tensor.byteLength - at));
    yield decodeBlocks(bytes, blocks);
  }
}

function toUnread({ name, type }: PlacedTensor): readonly UnreadTensor[] {
  if ('dtype' in type || type.block.decode !== undefined) return [];
  return [{ name, reason: `blocks of the type ${type.block.name} are not read` }];
}

/** Makes the checkpoint of tensors that were placed and checked. */
export function toCheckpoint(
  format: FormatName,
  files: readonly CheckpointFile[],
  placed: readonly PlacedTensor[],
  declared: Declared,
): OpenCheckpoint {
  const unread = placed.flatMap(toUnread);
  const readable = placed.filter(({ type }) => 'dtype' in type || type.block.decode !== undefined);
  const names = uniqueNames(readable.map(({ name }) => name));
  const entries = readable.map((tensor, i) => toEntry({ ...tensor, name: names[i] ?? '' }));
  const placeOf = new Map(names.map((name, i) => [name, readable[i]]));
  return {
    format,
    files,
    tensors: entries,
    declared,
    ...(unread.length === 0 ? {} : { unread }),
    readTensor(tensor) {
      if (tensor.at !== undefined) return readVerbatim(files, tensor);
      const place = placeOf.get(tensor.name);
      const blocks = place === undefined ? undefined : readableBlocks(place.type);
      const source = files[place?.file ?? 0]?.source;
      invariant(
        place !== undefined && blocks !== undefined && source !== undefined,
        `${tensor.name} is a tensor of blocks`,
      );
      return dequantize(source, place, blocks);
    },
    close: () => closeFiles(files),
  };
}
