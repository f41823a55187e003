import { invariant } from '../../assert.ts';
import { copyBytes } from '../../bytes/collect.ts';
import { type ByteSource, CHUNK_BYTES } from '../../bytes/source.ts';
import { wholeUnits } from '../../bytes/whole-units.ts';
import { elementByteLength } from '../../tensors/dtype.ts';
import { littleEndianWords, swapWords } from '../../tensors/host.ts';
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
  /** Its numbers stand in the other byte order. */
  readonly isBigEndian?: boolean;
}

type Blocks = BlockType & { readonly decode: DecodeBlock };

function readableBlocks(type: ElementType): Blocks | undefined {
  if (!('block' in type) || type.block.decode === undefined) return undefined;
  return { ...type.block, decode: type.block.decode };
}

/** Blocks are read as the f32 that they stand for. */
function toEntry({ name, shape, type, file, offset, byteLength, isBigEndian }: PlacedTensor): TensorEntry {
  const place = { file, offset, byteLength };
  if ('dtype' in type) {
    const at = isBigEndian === true && elementByteLength(type.dtype) > 1 ? {} : { at: place };
    return { name, dtype: type.dtype, shape, role: classifyRole(name, type.dtype), ...at };
  }
  const { form } = type.block;
  const codes = form === undefined || isBigEndian === true ? {} : { codes: { ...place, form } };
  return { name, dtype: 'f32', shape, role: classifyRole(name, 'f32'), ...codes };
}

/** Plain elements of the other byte order. */
async function* swapElements(source: ByteSource, { offset, byteLength }: PlacedTensor, unit: number) {
  for await (const piece of wholeUnits(source.stream(offset, byteLength), unit)) {
    const copy = copyBytes(piece);
    swapWords(copy, unit);
    yield copy;
  }
}

/** Copies blocks of the other byte order with their words of two bytes in ours. */
function swapHalves(bytes: Uint8Array, { byteLength, halves = [] }: BlockType): Uint8Array {
  const copy = copyBytes(bytes);
  for (let block = 0; block < copy.byteLength; block += byteLength) {
    for (const half of halves) swapWords(copy.subarray(block + half, block + half + 2), 2);
  }
  return copy;
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
    yield decodeBlocks(tensor.isBigEndian === true ? swapHalves(bytes, blocks) : bytes, blocks);
  }
}

/** Why a tensor is not read; `undefined` when it is. */
function findObstacle({ type, isBigEndian }: PlacedTensor): string | undefined {
  if ('dtype' in type) return undefined;
  const { name, decode, halves } = type.block;
  if (decode === undefined) return `blocks of the type ${name} are not read`;
  return isBigEndian === true && halves === undefined
    ? `big-endian blocks of the type ${name} are not read`
    : undefined;
}

function readTensor(source: ByteSource, tensor: PlacedTensor): AsyncIterable<Uint8Array> {
  if ('dtype' in tensor.type) return swapElements(source, tensor, elementByteLength(tensor.type.dtype));
  const blocks = readableBlocks(tensor.type);
  invariant(blocks !== undefined, `${tensor.name} is a tensor of blocks`);
  return dequantize(source, tensor, blocks);
}

/** Makes the checkpoint of tensors that were placed and checked. */
export function toCheckpoint(
  format: FormatName,
  files: readonly CheckpointFile[],
  placed: readonly PlacedTensor[],
  declared: Declared,
): OpenCheckpoint {
  const obstacles = placed.map(findObstacle);
  const unread = placed.flatMap(({ name }, i): readonly UnreadTensor[] => {
    const reason = obstacles[i];
    return reason === undefined ? [] : [{ name, reason }];
  });
  const readable = placed.filter((_, i) => obstacles[i] === undefined);
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
      const source = files[place?.file ?? 0]?.source;
      invariant(place !== undefined && source !== undefined, `${tensor.name} is a tensor of this checkpoint`);
      return readTensor(source, place);
    },
    close: () => closeFiles(files),
  };
}
