import { crc32 } from 'node:zlib';
import { badFile } from './bad-file.ts';
import type { OpenCheckpoint, StatedChecksum } from './format.ts';

/** A stretch on its way through. */
interface Running {
  readonly stated: StatedChecksum;
  crc: number;
}

/** Checks the checksums that a file states for parts of itself while its bytes stream by, in order. */
export class ChecksumCheck {
  readonly #format: OpenCheckpoint['format'];
  /** By offset, the first last. */
  readonly #waiting: StatedChecksum[];
  #running: Running[] = [];
  #offset = 0;

  /** @param file index of the file among the checkpoint's */
  constructor(checkpoint: Pick<OpenCheckpoint, 'format' | 'checksums'>, file: number) {
    this.#format = checkpoint.format;
    const mine = (checkpoint.checksums ?? []).filter((one) => one.file === file && one.byteLength > 0);
    this.#waiting = mine.sort((a, b) => b.offset - a.offset);
  }

  /** @throws BadFileError when a stretch that ends in this piece has another checksum than is stated. */
  write(piece: Uint8Array): void {
    const start = this.#offset;
    const end = start + piece.byteLength;
    this.#offset = end;
    for (let next = this.#waiting.at(-1); next !== undefined && next.offset < end; next = this.#waiting.at(-1)) {
      this.#running.push({ stated: next, crc: 0 });
      this.#waiting.pop();
    }
    for (const one of this.#running) {
      const { offset, byteLength } = one.stated;
      one.crc = crc32(piece.subarray(Math.max(0, offset - start), offset + byteLength - start), one.crc);
    }
    this.#running = this.#running.filter((one) => !this.#isEnded(one, end));
  }

  #isEnded({ stated, crc }: Running, end: number): boolean {
    const { offset, byteLength, member, crc32: expected } = stated;
    if (offset + byteLength > end) return false;
    if (crc === expected) return true;
    throw badFile(this.#format, `the member ${JSON.stringify(member)} must have the checksum it states`, offset);
  }
}
