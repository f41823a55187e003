import { type ManifestId, manifestIdOf, parseSpaceId, type SpaceId } from '../objects/ids.ts';
import type { SummaryTraits } from '../sketch/summary.ts';

/** What the table holds of a checkpoint. */
export interface TableEntry {
  readonly space: SpaceId;
  readonly parameters: number;
  readonly traits: SummaryTraits;
}

const KEY_BYTES = 16;
/** Id, space, three keys, parameters, square, rounding, precision, flags, number of contents. */
export const RECORD_BYTES = 32 + 32 + 3 * KEY_BYTES + 3 * 8 + 3 * 4;
const HAS_SKETCH = 1;
const HAS_INVARIANTS = 2;

/** Encodes the record of a checkpoint. */
export function encodeEntry(id: ManifestId, { space, parameters, traits }: TableEntry): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES + 4 * traits.contents.length);
  bytes.write(id, 0, 'hex');
  bytes.write(space, 32, 'hex');
  bytes.write(traits.filesKey, 64, 'latin1');
  bytes.write(traits.weightsKey, 64 + KEY_BYTES, 'latin1');
  bytes.write(traits.floatsKey, 64 + 2 * KEY_BYTES, 'latin1');
  let at = bytes.writeDoubleLE(parameters, 64 + 3 * KEY_BYTES);
  at = bytes.writeDoubleLE(traits.sketchSquare, at);
  at = bytes.writeDoubleLE(traits.rounding, at);
  at = bytes.writeUInt32LE(traits.precision, at);
  at = bytes.writeUInt32LE((traits.hasSketch ? HAS_SKETCH : 0) | (traits.hasInvariants ? HAS_INVARIANTS : 0), at);
  at = bytes.writeUInt32LE(traits.contents.length, at);
  for (const content of traits.contents) at = bytes.writeUInt32LE(content, at);
  return bytes;
}

/** A key that is absent is all zeros. */
function readKey(bytes: Buffer, at: number): string {
  const key = bytes.toString('latin1', at, at + KEY_BYTES);
  return key === ABSENT ? '' : key;
}

const ABSENT = '\0'.repeat(KEY_BYTES);

/** Where the numbers of a record begin. */
const NUMBERS_AT = 64 + 3 * KEY_BYTES;
export const FILES_KEY_AT = 64;
export const WEIGHTS_KEY_AT = FILES_KEY_AT + KEY_BYTES;
const FLOATS_KEY_AT = WEIGHTS_KEY_AT + KEY_BYTES;

/** There are few spaces, and many checkpoints in each. */
export class SpaceReader {
  readonly #spaces = new Map<string, SpaceId>();

  read(bytes: Buffer, at: number): SpaceId {
    const key = bytes.toString('latin1', at, at + 32);
    const space = this.#spaces.get(key) ?? parseSpaceId(bytes.toString('hex', at, at + 32));
    this.#spaces.set(key, space);
    return space;
  }
}

/** A record as it stands in its block: read bit by bit when it is asked for, for most of thousands are asked for little or nothing. */
export class StoredEntry implements TableEntry, SummaryTraits {
  readonly bytes: Buffer;
  readonly at: number;
  private readonly view: DataView;
  private readonly spaces: SpaceReader;

  /** @param view - of the same bytes: numbers are read through it several times as fast. */
  constructor(bytes: Buffer, view: DataView, at: number, spaces: SpaceReader) {
    this.bytes = bytes;
    this.view = view;
    this.at = at;
    this.spaces = spaces;
  }

  get traits(): SummaryTraits {
    return this;
  }

  get end(): number {
    return this.at + RECORD_BYTES + 4 * this.contentCount;
  }

  get id(): ManifestId {
    return manifestIdOf(this.bytes.subarray(this.at, this.at + 32));
  }

  get space(): SpaceId {
    return this.spaces.read(this.bytes, this.at + 32);
  }

  get parameters(): number {
    return this.view.getFloat64(this.at + NUMBERS_AT, true);
  }

  get filesKey(): string {
    return readKey(this.bytes, this.at + FILES_KEY_AT);
  }

  get weightsKey(): string {
    return readKey(this.bytes, this.at + WEIGHTS_KEY_AT);
  }

  get floatsKey(): string {
    return readKey(this.bytes, this.at + FLOATS_KEY_AT);
  }

  get contents(): Uint32Array {
    const contents = new Uint32Array(this.contentCount);
    for (let i = 0; i < contents.length; i++) contents[i] = this.view.getUint32(this.at + RECORD_BYTES + 4 * i, true);
    return contents;
  }

  get hasSketch(): boolean {
    return (this.flags & HAS_SKETCH) !== 0;
  }

  get hasInvariants(): boolean {
    return (this.flags & HAS_INVARIANTS) !== 0;
  }

  get sketchSquare(): number {
    return this.view.getFloat64(this.at + NUMBERS_AT + 8, true);
  }

  get precision(): number {
    return this.view.getUint32(this.at + NUMBERS_AT + 24, true);
  }

  get rounding(): number {
    return this.view.getFloat64(this.at + NUMBERS_AT + 16, true);
  }

  private get flags(): number {
    return this.view.getUint32(this.at + NUMBERS_AT + 28, true);
  }

  private get contentCount(): number {
    return this.view.getUint32(this.at + NUMBERS_AT + 32, true);
  }
}
