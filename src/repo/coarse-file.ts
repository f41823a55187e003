import { appendFileSync, closeSync, openSync } from 'node:fs';
import { type CoarseQuery, encodeCoarse } from '../neighbors/coarse-rows.ts';
import { SKETCH_LENGTH } from '../sketch/summary.ts';
import { encodeBlock, readBlocks, visitBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';
import type { StoredRow } from './sketch-rows.ts';

/** Raised with the form of the rows. */
const VERSION = 1;
/** Id, factor and slack as float32, codes. */
const CODES_AT = 32 + 4 + 4;
const ROW_BYTES = CODES_AT + SKETCH_LENGTH;
/** Rows of a block: so few that a block stays in the processor's cache. */
const BLOCK_ROWS = 256;

/** Memory that a query of coarse rows needs, and how many of them are multiplied at once. */
export const COARSE_ROOM = { bytes: BLOCK_ROWS * ROW_BYTES, rows: BLOCK_ROWS } as const;

function encodeRow({ id, length, values }: StoredRow): Buffer {
  const row = Buffer.alloc(ROW_BYTES);
  row.write(id, 0, 'hex');
  const { factor, slack } = encodeCoarse(
    values,
    length,
    new Int8Array(row.buffer, row.byteOffset + CODES_AT, SKETCH_LENGTH),
  );
  row.writeFloatLE(factor, 32);
  row.writeFloatLE(slack, 36);
  return row;
}

/** What is seen of a row: the first bytes of its id, its cosine with the query and what that is off by at most. */
type Look = (first: number, second: number, cosine: number, offBy: number) => void;

/** Shows the rows of a block that was read into the query's room. Those without a direction have no cosine: NaN. */
function lookAtRows(query: CoarseQuery, byteLength: number, look: Look): void {
  const count = byteLength / ROW_BYTES;
  const products = query.multiply(CODES_AT, ROW_BYTES, count);
  const { buffer, byteOffset } = query.room;
  const view = new DataView(buffer, byteOffset);
  for (let i = 0, at = 0; i < count; i++, at += ROW_BYTES) {
    const scale = { factor: view.getFloat32(at + 32, true), slack: view.getFloat32(at + 36, true) };
    const cosine = scale.factor > 0 ? query.cosine(products[i] ?? 0, scale) : Number.NaN;
    look(view.getUint32(at), view.getUint32(at + 4), cosine, query.offBy(scale));
  }
}

/** The rows of a sketch file, in their order, with a byte a value: a quarter to read, and enough to pass over nearly all of them. Derived. */
export class CoarseFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Shows every row in its order.
   *
   * @returns false for a file that is not there or not whole, of which nothing may be concluded.
   */
  visit(query: CoarseQuery, look: Look): boolean {
    let isWhole = false;
    deriveSync(() => {
      const descriptor = openSync(this.#file, 'r');
      try {
        isWhole = visitBlocks(descriptor, VERSION, query.room, (byteLength) => lookAtRows(query, byteLength, look));
      } finally {
        closeSync(descriptor);
      }
    });
    return isWhole;
  }

  /** Writes the file anew without rows. */
  clear(): void {
    replaceDerived(this.#file, []);
  }

  /** Adds rows behind those that are there. */
  append(rows: Iterable<StoredRow>): void {
    let block: Buffer[] = [];
    const write = () =>
      deriveSync(() => {
        if (block.length > 0) appendFileSync(this.#file, encodeBlock(VERSION, Buffer.concat(block)));
        block = [];
      });
    for (const row of rows) {
      block.push(encodeRow(row));
      if (block.length === BLOCK_ROWS) write();
    }
    write();
  }
}

/** True for a file of whole blocks of whole rows and nothing else. */
export function isCoarseFileWhole(bytes: Buffer): boolean {
  const { payloads, end } = readBlocks(VERSION, bytes);
  return end === bytes.byteLength && payloads.every(({ byteLength }) => byteLength % ROW_BYTES === 0);
}
