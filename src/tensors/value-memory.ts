import { lazyWasm, type WasmModule } from '../bytes/wasm-module.ts';
import { CHUNK_ELEMENTS } from './chunks.ts';
import { TENSORS_WASM } from './tensors-wasm.ts';

/** Values that loops can take at once: a chunk of complex numbers. */
export const MOST_VALUES = 2 * CHUNK_ELEMENTS;

/** What the loops of wasm/tensors.ts keep: sums, and a vector that they may read too much at the end of values. */
const STATE = 16;
const SCRATCH = 1024;
const CHUNK = SCRATCH + 4 * MOST_VALUES + 16;
const CHUNK_BYTES = 8 * CHUNK_ELEMENTS;

/** Where in the memory the sums of statistics are while they are added to. */
export const STATE_PLACE = STATE;
/** From here on the memory is the neighbours'. */
export const FIRST_FREE = CHUNK + CHUNK_BYTES + 16;

/** Opens the module whose memory holds the values that loops read: those of statistics and of sketches. */
export const openTensorLoops: () => WasmModule | undefined = lazyWasm(TENSORS_WASM);

/** Where values are in the memory: as they stand, or copied to a place that the next call overwrites. At most MOST_VALUES. */
export function placeValues(module: WasmModule, values: Float32Array): number {
  const memory = module.reserve(FIRST_FREE);
  if (values.buffer === memory) return values.byteOffset;
  new Float32Array(memory, SCRATCH, values.length).set(values);
  return SCRATCH;
}

let isTaken = false;

/** Room for one chunk where loops find it without a copy. A view holds until somebody makes the memory larger: it is asked for anew each time. */
export interface ChunkRoom {
  chunk(): Uint8Array;
  /** Where its values may be decoded to, for use before anything else is done. */
  values(): Float32Array;
  release(): void;
}

/** Takes the one room there is; `undefined` when somebody has it, or where no WebAssembly may run. */
export function takeChunkRoom(): ChunkRoom | undefined {
  const module = isTaken ? undefined : openTensorLoops();
  if (module === undefined) return undefined;
  isTaken = true;
  return {
    chunk: () => new Uint8Array(module.reserve(FIRST_FREE), CHUNK, CHUNK_BYTES),
    values: () => new Float32Array(module.reserve(FIRST_FREE), SCRATCH, MOST_VALUES),
    release: () => {
      isTaken = false;
    },
  };
}
