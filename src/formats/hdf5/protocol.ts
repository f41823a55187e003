/** A simple dataset's or attribute's type and space, as h5wasm states them (`hdf5_util.cc`, `get_abstractDS_metadata`). */
export interface ItemType {
  /** H5T_class_t. */
  readonly type: number;
  /** Bytes of one element. */
  readonly size: number;
  readonly signed: boolean;
  readonly littleEndian: boolean;
  readonly vlen: boolean;
  readonly array_type?: ItemType;
  readonly compound_type?: {
    readonly members: readonly (ItemType & { readonly name: string; readonly offset: number })[];
  };
  readonly enum_type?: { readonly type: number; readonly members: Readonly<Record<string, number>> };
  readonly shape?: readonly number[] | null;
}

export interface DatasetType extends ItemType {
  /** `null` for a dataset without a space. */
  readonly shape: readonly number[] | null;
  readonly chunks: readonly number[] | null;
  readonly virtual_sources?: readonly unknown[];
}

/** One dataset of a file. */
export interface ListedDataset {
  /** From the root, without the first slash. */
  readonly path: string;
  readonly type: DatasetType;
  /** Numbers of the filters that its chunks pass, as HDF5 registers them. */
  readonly filters: readonly number[];
  /** Where the library read its first and its last element, unchanged; absent when it read neither as they stand. */
  readonly edges?: { readonly first: number; readonly last: number };
}

/** Short attributes of one group: texts and numbers. */
export interface ListedGroup {
  /** From the root, without the first slash; empty for the root. */
  readonly path: string;
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** What is in a file. */
export interface Listing {
  readonly groups: readonly ListedGroup[];
  readonly datasets: readonly ListedDataset[];
}

/** A block of a dataset: where it begins, and how far it goes along each axis. */
export interface Block {
  readonly path: string;
  /** Both absent for all of it. */
  readonly start?: readonly number[];
  readonly count?: readonly number[];
  readonly byteLength: number;
}

/** What is asked of the worker; the file is opened for each question, so that a new worker can go on. */
export type Question =
  | { readonly kind: 'list'; readonly maxObjects: number; readonly maxTextBytes: number }
  | { readonly kind: 'read'; readonly block: Block };

/** The number of the filter that h5py calls lzf, as HDF5 registers it. */
export const LZF = 32000;

/** What the worker is started with. */
export interface WorkerSettings {
  /** Where the library is. */
  readonly library: string;
  /** Files of filters that are plug-ins of the library, by the number that HDF5 registers. */
  readonly filters: Readonly<Record<number, string>>;
  /** Reads one of them; set by the worker itself. */
  readFilter(id: number): Uint8Array | undefined;
  /** [0]: 0 while the worker waits for bytes; [1]: how many came, or -1. */
  readonly signal: Int32Array;
  /** Where the bytes come. */
  readonly window: Uint8Array;
  /** Pages of 64 KiB that the library's memory may grow to; set anew for each file. */
  maxPages: number;
  /** Blocks of the window's size that are kept. */
  readonly maxBlocks: number;
}

/** From the worker: it wants bytes, it has an answer, or it failed (and may be broken for good). */
export type WorkerMessage =
  | { readonly kind: 'want'; readonly offset: number; readonly byteLength: number }
  | { readonly kind: 'listing'; readonly listing: Listing; readonly isWorn: boolean }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; readonly isWorn: boolean }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly isWorn: boolean;
      /** Where the library read last. */
      readonly byteOffset?: number;
    };
