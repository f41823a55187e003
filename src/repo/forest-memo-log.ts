import path from 'node:path';
import { sha256Hex } from '../bytes/sha256.ts';
import type { ForestMemo, NearestLists } from '../lineage/forest-memo.ts';
import type { Forest } from '../lineage/model.ts';
import { parseManifestId } from '../objects/ids.ts';
import { openDerivedLog } from './derived-log.ts';
import { METHOD_VERSION } from './forest-cache.ts';
import type { Repository } from './repository.ts';

/** Records above twice those that the last recovery used, after which the others are thrown away. */
const SPARE_RECORDS = 64;
const ID_BYTES = 32;
/** Raised when distances mean something else: lists of the nearest outlive a change of what is concluded from them. */
const NEAREST_VERSION = 1;

/** A memo that is kept in a file. */
export interface KeptMemo extends ForestMemo {
  /** Writes what is new, and throws away what has not been of use for long. */
  save(): Promise<void>;
}

/** Counts, ids, then of every list its length, places and squared distances, as little-endian numbers. */
function encodeNearest({ ids, near }: NearestLists): Uint8Array {
  const entries = near.reduce((sum, list) => sum + list.length, 0);
  const bytes = Buffer.alloc(4 + ids.length * (ID_BYTES + 4) + entries * 12);
  let at = bytes.writeUInt32LE(ids.length, 0);
  for (const id of ids) at += bytes.write(id, at, 'hex');
  for (const list of near) {
    at = bytes.writeUInt32LE(list.length, at);
    for (const { index, squared } of list) at = bytes.writeDoubleLE(squared, bytes.writeUInt32LE(index, at));
  }
  return bytes;
}

function decodeNearest(payload: Uint8Array): NearestLists {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = bytes.readUInt32LE(0);
  const ids = Array.from({ length: count }, (_, i) =>
    parseManifestId(bytes.toString('hex', 4 + i * ID_BYTES, 4 + (i + 1) * ID_BYTES)),
  );
  let at = 4 + count * ID_BYTES;
  const near = ids.map(() => {
    const length = bytes.readUInt32LE(at);
    const start = at + 4;
    at = start + 12 * length;
    return Array.from({ length }, (_, i) => ({
      index: bytes.readUInt32LE(start + 12 * i),
      squared: bytes.readDoubleLE(start + 12 * i + 4),
    }));
  });
  return { ids, near };
}

function encodeNumbers(numbers: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(8 * numbers.length);
  numbers.forEach((value, i) => {
    bytes.writeDoubleLE(value, 8 * i);
  });
  return bytes;
}

function decodeNumbers(payload: Uint8Array): readonly number[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return Array.from({ length: bytes.byteLength / 8 }, (_, i) => bytes.readDoubleLE(8 * i));
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Opens what earlier recoveries in this repository have found. */
export function openForestMemo(repository: Repository): KeptMemo {
  const log = openDerivedLog(path.join(repository.derivedDirectory, 'lineage.log'));
  const used = new Set<string>();
  const fresh = new Map<string, Uint8Array>();
  const hash = (text: string): string => {
    const hashed = sha256Hex(encoder.encode(text));
    used.add(hashed);
    return hashed;
  };
  const keyOf = (kind: string, key: string): string => hash(`${METHOD_VERSION}/${kind}/${key}`);
  const textOf = (kind: string, key: string): string | undefined => {
    const bytes = log.get(keyOf(kind, key));
    return bytes === undefined ? undefined : decoder.decode(bytes);
  };
  const rememberOnce = (kind: string, key: string, write: () => string): void => {
    const hashed = keyOf(kind, key);
    if (log.get(hashed) === undefined) fresh.set(hashed, encoder.encode(write()));
  };
  const nearestKey = (key: string): string => hash(`nearest ${NEAREST_VERSION}/${key}`);
  return {
    forest(key) {
      const kept = textOf('forest', key);
      return kept === undefined ? undefined : (JSON.parse(kept) as Forest);
    },
    rememberForest: (key, forest) => rememberOnce('forest', key, () => JSON.stringify(forest)),
    numbers(key) {
      const bytes = log.get(keyOf('numbers', key));
      return bytes === undefined ? undefined : decodeNumbers(bytes);
    },
    rememberNumbers: (key, numbers) => void fresh.set(keyOf('numbers', key), encodeNumbers(numbers)),
    text: (key) => textOf('text', key),
    rememberText: (key, text) => rememberOnce('text', key, () => text),
    nearest(key) {
      const bytes = log.get(nearestKey(key));
      return bytes === undefined ? undefined : decodeNearest(bytes);
    },
    rememberNearest: (key, lists) => void fresh.set(nearestKey(key), encodeNearest(lists)),
    async save() {
      await log.append([...fresh].map(([key, payload]) => ({ key, payload })));
      if (log.size > 2 * used.size + SPARE_RECORDS) await log.retain(used);
    },
  };
}
