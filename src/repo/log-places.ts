import { appendFileSync, readFileSync } from 'node:fs';
import { encodeBlock, readBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';

/** Raised with the form of the rows. */
const VERSION = 1;
/** Key, start as a float64, byte length. */
const ROW_BYTES = 32 + 8 + 4;

/** Where the payload of a record stands in its log. */
export interface Place {
  readonly start: number;
  readonly end: number;
}

export interface NotedPlaces {
  readonly places: Map<string, Place>;
  /** The record that stands behind all others. */
  readonly last?: Place & { readonly key: string };
}

const placesFile = (log: string): string => `${log}.places`;

/**
 * Where the records of a long log stand, as they were noted when it was read last: what was appended since is not among them, and a log that was
 * written anew has its records elsewhere, so that whoever reads one looks whether it is there.
 */
export function readPlaces(log: string): NotedPlaces {
  let bytes = Buffer.alloc(0);
  deriveSync(() => {
    bytes = readFileSync(placesFile(log));
  });
  const places = new Map<string, Place>();
  let last: NotedPlaces['last'];
  for (const rows of readBlocks(VERSION, bytes).payloads) {
    for (let at = 0; at + ROW_BYTES <= rows.byteLength; at += ROW_BYTES) {
      const [key, start] = [rows.toString('hex', at, at + 32), rows.readDoubleLE(at + 32)];
      const place = { start, end: start + rows.readUInt32LE(at + 40) };
      places.set(key, place);
      last = { key, ...place };
    }
  }
  return { places, ...(last === undefined ? {} : { last }) };
}

/** Notes places for the next reader, behind those that are noted, or in their stead. */
export function notePlaces(log: string, places: ReadonlyMap<string, Place>, mode: 'append' | 'replace'): void {
  const rows = Buffer.alloc(places.size * ROW_BYTES);
  let at = 0;
  for (const [key, { start, end }] of places) {
    rows.write(key, at, 'hex');
    rows.writeDoubleLE(start, at + 32);
    rows.writeUInt32LE(end - start, at + 40);
    at += ROW_BYTES;
  }
  const block = encodeBlock(VERSION, rows);
  if (mode === 'replace') replaceDerived(placesFile(log), [block]);
  else deriveSync(() => appendFileSync(placesFile(log), block));
}

/** True for a file of whole blocks and nothing else. */
export function isPlacesFileWhole(bytes: Buffer): boolean {
  return readBlocks(VERSION, bytes).end === bytes.byteLength;
}
