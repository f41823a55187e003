import { lazyWasm, type WasmModule } from '../../bytes/wasm-module.ts';
import { CODEC_WASM } from './codec-wasm.ts';

/** Opens the codecs' module; `undefined` where only the plain loops run. */
export const openKernels: () => WasmModule | undefined = lazyWasm(CODEC_WASM);

/** Blocks of more numbers are coded by the plain loops: the module's memory, which is kept, stays below 64 MiB. */
const MAX_KERNEL_COUNT = 1 << 21;
/** Smaller blocks are not worth the way into the module's memory. */
const MIN_KERNEL_COUNT = 256;

/** True for as many numbers as the module takes. */
export function isKernelSized(count: number): boolean {
  return count >= MIN_KERNEL_COUNT && count <= MAX_KERNEL_COUNT;
}

/** The module's memory, dealt out from the bottom; what it held before is not kept, and not cleared. */
export class Layout {
  readonly #module: WasmModule;
  #top = 16;

  constructor(module: WasmModule) {
    this.#module = module;
  }

  /** Takes room at a multiple of 16; 16 bytes after it may be touched too. */
  take(byteLength: number): number {
    const at = this.#top;
    this.#top = (at + byteLength + 31) & ~15;
    this.#module.reserve(this.#top);
    return at;
  }

  /** Takes room and copies bytes there. */
  put(bytes: Uint8Array): number {
    const at = this.take(bytes.byteLength);
    this.bytes(at, bytes.byteLength).set(bytes);
    return at;
  }

  /** Takes room that is all zeros. */
  zeros(byteLength: number): number {
    const at = this.take(byteLength);
    this.bytes(at, byteLength).fill(0);
    return at;
  }

  /** A view, valid until more room is taken. */
  bytes(at: number, byteLength: number): Uint8Array {
    return new Uint8Array(this.#module.reserve(this.#top), at, byteLength);
  }

  /** A view of 32-bit integers, valid until more room is taken. */
  words(at: number, count: number): Uint32Array {
    return new Uint32Array(this.#module.reserve(this.#top), at, count);
  }
}
