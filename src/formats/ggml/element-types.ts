import { type DType, elementByteLength, elementCount } from '../../tensors/dtype.ts';
import type { BlockType } from './block-type.ts';
import { CODEBOOK_BLOCKS } from './codebook-blocks.ts';
import { IQ4_NL, MXFP4, NVFP4, Q1_0, type QuantVersion, shortBlocks } from './short-blocks.ts';
import { SUPER_BLOCKS } from './super-blocks.ts';

/** How a tensor's elements stand in the file: one by one, or in blocks. */
export type ElementType = { readonly dtype: DType } | { readonly block: BlockType };

/** ggml's types (`enum ggml_type`) that are elements as they stand. */
const PLAIN: ReadonlyMap<number, DType> = new Map([
  [0, 'f32'],
  [1, 'f16'],
  [24, 'i8'],
  [25, 'i16'],
  [26, 'i32'],
  [27, 'i64'],
  [28, 'f64'],
  [30, 'bf16'],
]);

const OTHER_BLOCKS: ReadonlyMap<number, BlockType> = new Map([
  ...SUPER_BLOCKS,
  ...CODEBOOK_BLOCKS,
  [20, IQ4_NL],
  [39, MXFP4],
  [40, NVFP4],
  [41, Q1_0],
]);

const SHORT_BLOCKS = { 0: shortBlocks(0), 1: shortBlocks(1), 2: shortBlocks(2) } as const satisfies Record<
  QuantVersion,
  ReadonlyMap<number, BlockType>
>;

/** Finds the element type of a number; `undefined` for one that no writer of that version had, or that was withdrawn. */
export function findElementType(type: number, version: QuantVersion): ElementType | undefined {
  const dtype = PLAIN.get(type);
  if (dtype !== undefined) return { dtype };
  // Types 4 and 5 were taken out before halves came in.
  const block =
    (version === 2 && (type === 4 || type === 5) ? undefined : SHORT_BLOCKS[version].get(type)) ??
    OTHER_BLOCKS.get(type);
  return block === undefined ? undefined : { block };
}

/** Bytes of a tensor; `undefined` when its rows are not whole blocks, or nobody can count them. */
export function storedByteLength(type: ElementType, shape: readonly number[]): number | undefined {
  const elements = elementCount(shape);
  const row = shape.at(-1) ?? 1;
  const byteLength =
    'dtype' in type
      ? elements * elementByteLength(type.dtype)
      : (elements / type.block.elements) * type.block.byteLength;
  const isWhole = 'dtype' in type || row % type.block.elements === 0;
  return isWhole && Number.isSafeInteger(byteLength) ? byteLength : undefined;
}
