import type { MessagePort } from 'node:worker_threads';
import type {
  Block,
  DatasetType,
  ListedDataset,
  ListedGroup,
  Listing,
  Question,
  WorkerMessage,
  WorkerSettings,
} from './protocol.ts';

/** The part of h5wasm's module that is used. Its own types leave out what its build exports. */
export interface Hdf5Library {
  readonly Module: {
    readonly HEAPU8: Uint8Array;
    _malloc(byteLength: number): number;
    _free(pointer: number): void;
    get_names(file: bigint, path: string, isRecursive: boolean): readonly string[];
    get_type(file: bigint, path: string): number;
    get_dataset_metadata(file: bigint, path: string): DatasetType & { readonly total_size: number };
    get_plugin_search_paths(): readonly [string];
    get_dataset_filters(file: bigint, path: string): readonly { readonly id: number }[];
    get_dataset_data(
      file: bigint,
      path: string,
      count: readonly bigint[] | null,
      start: readonly bigint[] | null,
      strides: readonly bigint[] | null,
      pointer: bigint,
    ): number;
    get_attribute_names(file: bigint, path: string): readonly string[];
    create_object_reference(file: bigint, path: string): Uint8Array;
  };
  readonly FS: {
    writeFile(path: string, bytes: Uint8Array): void;
    mkdirTree(path: string): void;
    unlink(path: string): void;
    lookupPath(path: string): { readonly node: FileNode };
  };
  readonly File: new (path: string, mode: string) => { readonly file_id: bigint; close(): number };
  readonly Attribute: new (
    file: bigint,
    path: string,
    name: string,
  ) => { readonly metadata: { readonly size: number; readonly total_size: number }; readonly value: unknown };
}

/** A question about a file, and what the library may take for it. */
interface Asked {
  readonly question: Question;
  readonly byteLength: number;
  readonly maxPages: number;
}

/** A file of the library's own file system, in memory. */
interface FileNode {
  usedBytes: number;
  stream_ops: object;
}

/**
 * Answers questions about HDF5 files; runs in a worker, sent there as its own text, so it uses nothing from outside itself.
 *
 * The library sees a file system with one file, whose bytes come from the other thread: the worker sleeps until they are there.
 * It never touches the disk: a file that names other files gets none of them.
 */
export function answerQuestions(library: Hdf5Library, port: MessagePort, settings: WorkerSettings): void {
  const { Module, FS } = library;
  const { signal, window, maxBlocks } = settings;
  const [DATASET, GROUP] = [1, 0];
  const WORN_BYTES = 128 * 1024 * 1024;
  const send = (message: WorkerMessage, transfer: readonly ArrayBuffer[] = []): void =>
    port.postMessage(message, [...transfer]);

  /** After an abort the library's memory is in no known state. */
  const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'RuntimeError';

  const fetchBlock = (offset: number, byteLength: number): Uint8Array => {
    Atomics.store(signal, 0, 0);
    send({ kind: 'want', offset, byteLength });
    Atomics.wait(signal, 0, 0);
    if (Atomics.load(signal, 1) !== byteLength) throw new Error('the file cannot be read');
    return window.slice(0, byteLength);
  };

  /** A file's bytes in blocks, the most recently used kept, and the places of the latest reads. */
  const openBytes = (byteLength: number) => {
    const blocks = new Map<number, Uint8Array>();
    const reads: { position: number; byteLength: number }[] = [];
    const blockAt = (index: number): Uint8Array => {
      const start = index * window.byteLength;
      const block = blocks.get(index) ?? fetchBlock(start, Math.min(window.byteLength, byteLength - start));
      blocks.delete(index);
      blocks.set(index, block);
      for (const oldest of blocks.keys()) {
        if (blocks.size <= maxBlocks) break;
        blocks.delete(oldest);
      }
      return block;
    };
    const read = (target: Uint8Array, position: number): number => {
      const end = Math.min(byteLength, position + target.byteLength);
      for (let at = position; at < end; ) {
        const index = Math.floor(at / window.byteLength);
        const from = at - index * window.byteLength;
        const piece = blockAt(index).subarray(from, from + end - at);
        target.set(piece, at - position);
        at += piece.byteLength;
      }
      return Math.max(0, end - position);
    };
    return { byteLength, reads, read };
  };
  type FileBytes = ReturnType<typeof openBytes>;

  const mount = (path: string, bytes: FileBytes): void => {
    FS.writeFile(path, new Uint8Array(0));
    const { node } = FS.lookupPath(path);
    node.usedBytes = bytes.byteLength;
    node.stream_ops = {
      ...node.stream_ops,
      read(_stream: unknown, heap: Int8Array, offset: number, length: number, position: number): number {
        bytes.reads.push({ position, byteLength: length });
        if (bytes.reads.length > 64) bytes.reads.shift();
        return bytes.read(new Uint8Array(heap.buffer, heap.byteOffset + offset, length), position);
      },
    };
  };

  const loaded = new Set<number>();
  /** Puts a filter's plug-in where the library looks for it, when the first dataset asks for it. */
  const loadFilter = (id: number): void => {
    const plugin = loaded.has(id) ? undefined : settings.readFilter(id);
    loaded.add(id);
    if (plugin === undefined) return;
    const [folder] = Module.get_plugin_search_paths();
    FS.mkdirTree(folder);
    FS.writeFile(`${folder}/lib${id}.so`, plugin);
  };

  const filtersOf = (file: bigint, path: string): number[] =>
    Array.from(Module.get_dataset_filters(file, path), ({ id }) => id);

  const readBlock = (file: bigint, { path, start, count, byteLength }: Block): Uint8Array => {
    filtersOf(file, path).forEach(loadFilter);
    const pointer = Module._malloc(Math.max(1, byteLength));
    if (pointer === 0) throw new Error('the dataset does not fit the memory');
    try {
      const strides = start?.map(() => 1n) ?? null;
      const [from, by] = [start?.map(BigInt) ?? null, count?.map(BigInt) ?? null];
      const status = Module.get_dataset_data(file, path, by, from, strides, BigInt(pointer));
      if (status < 0) throw new Error('the dataset does not decode');
      return Module.HEAPU8.slice(pointer, pointer + byteLength);
    } finally {
      Module._free(pointer);
    }
  };

  /** Where the library reads one element, if it takes it from the file as it stands. */
  const findElement = (file: bigint, bytes: FileBytes, path: string, index: readonly number[], size: number) => {
    bytes.reads.length = 0;
    const whole = index.length === 0 ? {} : { start: index, count: index.map(() => 1) };
    const element = readBlock(file, { path, ...whole, byteLength: size });
    const last = bytes.reads.at(-1);
    if (last === undefined || last.byteLength < size) return undefined;
    const stored = new Uint8Array(size);
    bytes.read(stored, last.position);
    return stored.every((byte, i) => byte === element[i]) ? last.position : undefined;
  };

  const findEdges = (file: bigint, bytes: FileBytes, path: string, type: DatasetType & { total_size: number }) => {
    const { shape, chunks, virtual_sources, vlen, size } = type;
    const isPlain = chunks === null && virtual_sources === undefined && !vlen && type.type <= 1;
    if (shape === null || !isPlain || size > 16 || shape.includes(0)) return undefined;
    try {
      const first = findElement(
        file,
        bytes,
        path,
        shape.map(() => 0),
        size,
      );
      const last = findElement(
        file,
        bytes,
        path,
        shape.map((length) => length - 1),
        size,
      );
      return first === undefined || last === undefined ? undefined : { first, last };
    } catch (error) {
      if (isAbort(error)) throw error;
      return undefined;
    }
  };

  const listDataset = (file: bigint, bytes: FileBytes, path: string): ListedDataset => {
    const type = Module.get_dataset_metadata(file, path);
    const filters = filtersOf(file, path);
    const edges = findEdges(file, bytes, path, type);
    return { path: path.slice(1), type, filters, ...(edges === undefined ? {} : { edges }) };
  };

  const readAttribute = (file: bigint, path: string, name: string, maxBytes: number): string | number | undefined => {
    try {
      const attribute = new library.Attribute(file, path, name);
      const { size, total_size } = attribute.metadata;
      if (total_size !== 1 || size > maxBytes) return undefined;
      const value = attribute.value;
      const [only] = Array.isArray(value) ? value : [value];
      if (typeof only === 'bigint') return Number(only);
      return typeof only === 'string' || typeof only === 'number' ? only : undefined;
    } catch (error) {
      if (isAbort(error)) throw error;
      return undefined;
    }
  };

  const listGroup = (file: bigint, path: string, maxTextBytes: number): ListedGroup => {
    const names = Array.from(Module.get_attribute_names(file, path)).slice(0, 256);
    const values = names.map((name) => [name, readAttribute(file, path, name, maxTextBytes)] as const);
    const known = values.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
    return { path: path.slice(1), attributes: Object.fromEntries(known) };
  };

  /** All groups and datasets, each once: links may make loops. */
  const list = (file: bigint, bytes: FileBytes, maxObjects: number, maxTextBytes: number): Listing => {
    const groups: ListedGroup[] = [];
    const datasets: ListedDataset[] = [];
    const seen = new Set<string>();
    const pending = ['/'];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const type = path === '/' ? GROUP : Module.get_type(file, path);
      if (type !== DATASET && type !== GROUP) continue;
      const identity = Array.from(Module.create_object_reference(file, path)).join(' ');
      if (seen.has(identity)) continue;
      seen.add(identity);
      if (seen.size > maxObjects) throw new Error(`there must not be over ${maxObjects} objects`);
      if (type === DATASET) {
        datasets.push(listDataset(file, bytes, path));
        continue;
      }
      groups.push(listGroup(file, path, maxTextBytes));
      const parent = path === '/' ? '' : path;
      const names = Array.from(Module.get_names(file, path, false));
      if (pending.length + names.length > maxObjects) throw new Error(`there must not be over ${maxObjects} objects`);
      for (const name of names.reverse()) pending.push(`${parent}/${name}`);
    }
    return { groups, datasets };
  };

  const isWorn = (): boolean => Module.HEAPU8.byteLength > WORN_BYTES;

  const answer = (question: Question, file: bigint, bytes: FileBytes): void => {
    if (question.kind === 'list') {
      const listing = list(file, bytes, question.maxObjects, question.maxTextBytes);
      send({ kind: 'listing', listing, isWorn: isWorn() });
      return;
    }
    const block = readBlock(file, question.block);
    send({ kind: 'bytes', bytes: block, isWorn: isWorn() });
  };

  let opened = 0;
  port.on('message', ({ question, byteLength, maxPages }: Asked) => {
    opened += 1;
    settings.maxPages = maxPages;
    // A name of its own: the library takes equal files for one that is open already.
    const path = `/file-${opened}`;
    const bytes = openBytes(byteLength);
    try {
      mount(path, bytes);
      const file = new library.File(path, 'r');
      if (file.file_id <= 0n) throw new Error('the superblock and the root group must be well formed');
      try {
        answer(question, file.file_id, bytes);
      } finally {
        file.close();
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const place = bytes.reads.at(-1);
      const where = place === undefined ? {} : { byteOffset: place.position };
      send({ kind: 'failed', reason, isWorn: isWorn() || isAbort(error), ...where });
    } finally {
      FS.unlink(path);
    }
  });
}
