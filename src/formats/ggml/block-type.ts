import type { BlockForm } from '../../tensors/code-form.ts';
import { createDecodeTable, F16 } from '../../tensors/small-floats.ts';

/** Decodes one block that begins at `bytes[at]` into `out[to]` and what follows. */
export type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

/** A way to keep a run of weights in few bits: so many elements in so many bytes. Rows are whole blocks. */
export interface BlockType {
  readonly name: string;
  readonly elements: number;
  readonly byteLength: number;
  /** What today's writers call this layout, where wsvc knows how they round to it. */
  readonly form?: BlockForm;
  /** Where its words of two bytes stand, which a big-endian file has swapped; absent where no writer says how such a file has it. */
  readonly halves?: readonly number[];
  /** Absent for a layout that wsvc does not read. */
  readonly decode?: DecodeBlock;
}

let halves: Float32Array | undefined;

/** The binary16 that stands at `bytes[at]`, little-endian. */
export function readHalf(bytes: Uint8Array, at: number): number {
  halves ??= new Float32Array(createDecodeTable(F16).buffer);
  return halves[(bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)] ?? 0;
}

const scratch = new DataView(new ArrayBuffer(4));

/** The f32 that stands at `bytes[at]`, little-endian, whatever its alignment. */
export function readSingle(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < 4; i += 1) scratch.setUint8(i, bytes[at + i] ?? 0);
  return scratch.getFloat32(0, true);
}

/** A byte as the signed number that it is. */
export function signed(byte: number | undefined): number {
  return ((byte ?? 0) << 24) >> 24;
}

/** Values are computed in f32, each step rounded, as the reference implementation has them. */
export const round = Math.fround;
