/** The largest piece that streams carry, in bytes: the one constant that bounds memory. */
export const CHUNK_BYTES = 4 * 1024 * 1024;

/** What changes when a file's bytes do. Times in milliseconds since 1970, UTC. */
export interface FileStamp {
  readonly byteLength: number;
  readonly modifiedMs: number;
  /** When anything of the file was changed last: nobody can set it. */
  readonly changedMs: number;
  readonly inode: number;
}

/** Random access to bytes that do not change while they are read: a file, a slice, a stored checkpoint. */
export interface ByteSource {
  readonly byteLength: number;
  /** Of a file on disk: as it was when it was opened. */
  readonly stamp?: FileStamp;
  /**
   * Reads exactly `byteLength` bytes.
   *
   * @throws WsvcError `bad-file` when the range is not inside the source; `system` when the read fails.
   */
  read(offset: number, byteLength: number): Promise<Uint8Array>;
  /**
   * Yields the range in order, in pieces of at most {@link CHUNK_BYTES}; the whole source by default.
   *
   * @param room CHUNK_BYTES that pieces may be read into, each over the last: for one who is done with a piece when asking for the next
   */
  stream(offset?: number, byteLength?: number, room?: Uint8Array): AsyncIterable<Uint8Array>;
  close(): Promise<void>;
}

/** The files a checkpoint may consist of, by name relative to the folder of the first. */
export interface FileSet {
  /** The file that was named: `model.safetensors`, `model.json`, `pytorch_model.bin.index.json`. */
  readonly primary: string;
  /** All names of the set, where they are known: those of a stored checkpoint, whose primary file has none. */
  readonly names?: readonly string[];
  /** Opens a file of the set; `undefined` when there is none of that name. */
  open(name: string): Promise<ByteSource | undefined>;
}
