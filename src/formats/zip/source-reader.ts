import { RandomAccessReader } from 'yauzl';
import type { ByteSource } from '../../bytes/source.ts';

/** Directory records are read in windows of this size: a page, so that the headers of large members cost one page each. */
const WINDOW_BYTES = 4096;

/** Gives yauzl random access to a {@link ByteSource}, and remembers where it last looked. */
export class SourceReader extends RandomAccessReader {
  /** Where the last record that was asked for starts: the byte offset that errors name. */
  position = 0;
  readonly #source: ByteSource;
  #window = new Uint8Array(0);
  #windowOffset = 0;

  constructor(source: ByteSource) {
    super();
    this.#source = source;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.position = position;
    this.#readRange(position, length).then(
      (bytes) => {
        buffer.set(bytes, offset);
        callback(null, bytes.byteLength);
      },
      (error) => callback(error),
    );
  }

  /** Yields fewer bytes than asked for at the end of the source; yauzl reports that. */
  async #readRange(position: number, length: number): Promise<Uint8Array> {
    const { byteLength } = this.#source;
    if (!Number.isSafeInteger(position) || position + length > byteLength) return new Uint8Array(0);
    const start = position - this.#windowOffset;
    if (start >= 0 && start + length <= this.#window.byteLength) return this.#window.subarray(start, start + length);
    const windowLength = Math.min(Math.max(length, WINDOW_BYTES), byteLength - position);
    this.#window = new Uint8Array(await this.#source.read(position, windowLength));
    this.#windowOffset = position;
    return this.#window.subarray(0, length);
  }
}
