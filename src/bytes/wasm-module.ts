/** Bytes of a page of WebAssembly memory. */
const PAGE_BYTES = 65536;

/** A WebAssembly module with its memory. */
export interface WasmModule {
  readonly memory: WebAssembly.Memory;
  /** Makes the memory at least that large; views made before are no longer valid. */
  reserve(byteLength: number): ArrayBuffer;
  /** Calls an exported function; 0 for one that returns nothing. */
  call(name: string, ...parameters: readonly number[]): number;
}

let isAllowed = true;

/** Says whether hot loops may run as WebAssembly. Their results are the same either way: tests and the suspicious ask for plain ones. */
export function allowWasm(allowed: boolean): void {
  isAllowed = allowed;
}

/** True unless {@link allowWasm} said no. */
export function isWasmAllowed(): boolean {
  return isAllowed;
}

function instantiate(bytes: Uint8Array, memory: WebAssembly.Memory): WasmModule {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return {
    memory,
    reserve(byteLength) {
      const missing = byteLength - memory.buffer.byteLength;
      if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
      return memory.buffer;
    },
    call(name, ...parameters) {
      const run = exports[name];
      if (typeof run !== 'function') throw new RangeError(`The module has no function ${name}.`);
      return Number(run(...parameters) ?? 0);
    },
  };
}

/**
 * Makes a function that opens a module when it is first wanted; `undefined` where it may not run, or the machine has no SIMD for it.
 *
 * @param neighbor opens the module whose memory it shares; by default it has one of its own
 */
export function lazyWasm(base64: string, neighbor?: () => WasmModule | undefined): () => WasmModule | undefined {
  let opened: { readonly module: WasmModule | undefined } | undefined;
  const open = (): WasmModule | undefined => {
    try {
      const memory = neighbor?.()?.memory ?? new WebAssembly.Memory({ initial: 1 });
      return instantiate(Buffer.from(base64, 'base64'), memory);
    } catch {
      return undefined;
    }
  };
  return () => {
    if (!isAllowed) return undefined;
    opened ??= { module: open() };
    return opened.module;
  };
}
