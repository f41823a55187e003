import type { CodeForm } from '../tensors/code-form.ts';
import type { DType } from '../tensors/dtype.ts';

/** What a block's bytes are: elements of a type, or bytes of no known meaning. */
export type BlockType = DType | 'bytes';

/** Already decoded ancestors that a block may be coded against. */
export interface BlockContext {
  readonly type: BlockType;
  /** Plain bytes of the base: as many elements as the block, of the type `baseType`. */
  readonly base?: Uint8Array;
  readonly baseType?: BlockType;
  /** Plain bytes of the base's own base, when it has one of the same type and length as the base. */
  readonly baseOfBase?: Uint8Array;
  /** Instead of a base: what it is gathered from, the parts of a stored tensor one after the other, of the type `baseType`. */
  readonly parts?: Uint8Array;
  /** Plain bytes of the row factor, i32, that an update of low rank shares among the chunks of its tensor. */
  readonly rowFactor?: Uint8Array;
  /** True where the block is the first of several of its tensor, so that a row factor is better kept by itself. Only the encoder looks at this and what follows. */
  readonly sharesFactor?: boolean;
  /** What kind of codes the block holds, where it is a part of a quantised tensor. */
  readonly form?: CodeForm;
  /** Elements of one row of the tensor's matrix view, so that updates of low rank are seen: the product of all axes but the first. */
  readonly rowLength?: number;
  /** How many elements of its first row lie before the block; 0 by default. */
  readonly rowOffset?: number;
  /** Elements along the tensor's last axis. */
  readonly lastAxis?: number;
}

/** A coded block. `codec` names the decoder; the payload is all it needs besides the context. */
export interface EncodedBlock {
  /** Codec number, as registered in docs/format.md. */
  readonly codec: number;
  readonly payload: Uint8Array;
  /** How many ancestors decoding needs: 0 none, 1 the base, 2 the base and its base, or the base and the row factor; or as many as there are parts. */
  readonly ancestors: number;
  /** A row factor that has to be stored as a block of i32 of its own: the second ancestor. */
  readonly rowFactor?: Uint8Array;
}
