import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type ManifestId, manifestIdOf } from '../objects/ids.ts';
import type { TensorSpread } from '../sketch/summary.ts';
import { encodeBlock, readBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';

/** Raised with the form of the records and with what spreads mean. */
const VERSION = 1;
const ID_BYTES = 32;
/** Place of the shape in the block's list, elements, mean, standard deviation, kurtosis. */
const SPREAD_BYTES = 4 + 4 * 8;

/** Where the spreads of a checkpoint stand in a block, and the block's shapes. */
interface Place {
  /** Reads numbers several times as fast as the buffer itself does. */
  readonly view: DataView;
  readonly shapes: readonly string[];
  readonly at: number;
  readonly count: number;
}

type Spreads = ReadonlyMap<ManifestId, readonly TensorSpread[]>;

/** The shapes as JSON after its length; then of every checkpoint its id, the number of its tensors and their spreads. */
function encodeSpreads(added: Spreads): Buffer {
  const shapes = [...new Set([...added.values()].flatMap((spreads) => spreads.map(({ shape }) => shape)))];
  const places = new Map(shapes.map((shape, place) => [shape, place]));
  const list = Buffer.from(JSON.stringify(shapes));
  const head = Buffer.alloc(4);
  head.writeUInt32LE(list.byteLength);
  const entries = Array.from(added, ([id, spreads]) => encodeEntry(id, spreads, places));
  return Buffer.concat([head, list, ...entries]);
}

function encodeEntry(id: ManifestId, spreads: readonly TensorSpread[], places: ReadonlyMap<string, number>): Buffer {
  const bytes = Buffer.alloc(ID_BYTES + 4 + SPREAD_BYTES * spreads.length);
  let at = bytes.write(id, 0, 'hex');
  at = bytes.writeUInt32LE(spreads.length, at);
  for (const { shape, elements, mean, standardDeviation, kurtosis } of spreads) {
    at = bytes.writeUInt32LE(places.get(shape) ?? 0, at);
    for (const value of [elements, mean, standardDeviation, kurtosis]) at = bytes.writeDoubleLE(value, at);
  }
  return bytes;
}

function readPlaces(payload: Buffer, places: Map<ManifestId, Place>): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const start = 4 + view.getUint32(0, true);
  const shapes = JSON.parse(payload.toString('utf8', 4, start)) as readonly string[];
  for (let at = start; at < payload.byteLength; ) {
    const count = view.getUint32(at + ID_BYTES, true);
    const id = manifestIdOf(payload.subarray(at, at + ID_BYTES));
    places.set(id, { view, shapes, at: at + ID_BYTES + 4, count });
    at += ID_BYTES + 4 + SPREAD_BYTES * count;
  }
}

function readSpread({ view, shapes }: Place, at: number): TensorSpread {
  return {
    shape: shapes[view.getUint32(at, true)] ?? '',
    elements: view.getFloat64(at + 4, true),
    mean: view.getFloat64(at + 12, true),
    standardDeviation: view.getFloat64(at + 20, true),
    kurtosis: view.getFloat64(at + 28, true),
  };
}

function readTable(bytes: Buffer): { readonly places: Map<ManifestId, Place>; readonly end: number } {
  const places = new Map<ManifestId, Place>();
  const { payloads, end } = readBlocks(VERSION, bytes);
  for (const payload of payloads) readPlaces(payload, places);
  return { places, end };
}

/** True for a file of whole blocks and nothing else. */
export function isSpreadTableWhole(bytes: Buffer): boolean {
  return readTable(bytes).end === bytes.byteLength;
}

/**
 * How the tensors of all checkpoints spread, in one file that is read at the first question: a file that is unlike all others is compared with every
 * checkpoint by these, and their summaries stay undecoded. Derived, as {@link MemberTable}.
 */
export class SpreadTable {
  readonly #file: string;
  #places: Map<ManifestId, Place> | undefined;
  #isDamaged = false;

  constructor(file: string) {
    this.#file = file;
  }

  #open(): Map<ManifestId, Place> {
    if (this.#places !== undefined) return this.#places;
    let bytes = Buffer.alloc(0);
    deriveSync(() => {
      bytes = readFileSync(this.#file);
    });
    const { places, end } = readTable(bytes);
    this.#places = places;
    this.#isDamaged = end < bytes.byteLength;
    return places;
  }

  get(id: ManifestId): readonly TensorSpread[] | undefined {
    const place = this.#open().get(id);
    if (place === undefined) return undefined;
    return Array.from({ length: place.count }, (_, i) => readSpread(place, place.at + SPREAD_BYTES * i));
  }

  add(added: Spreads): void {
    const places = this.#open();
    const fresh = encodeSpreads(added);
    readPlaces(fresh, places);
    if (this.#isDamaged) {
      const all = new Map([...places.keys()].map((id) => [id, this.get(id) ?? []]));
      replaceDerived(this.#file, [encodeBlock(VERSION, encodeSpreads(all))]);
    } else {
      deriveSync(() => {
        mkdirSync(path.dirname(this.#file), { recursive: true });
        appendFileSync(this.#file, encodeBlock(VERSION, fresh));
      });
    }
    this.#isDamaged = false;
  }
}
