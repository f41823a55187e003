import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toHex } from '../bytes/hex.ts';
import { type FileHash, parseFileHash } from '../objects/ids.ts';
import { encodeBlock, readBlocks } from './block-file.ts';
import { deriveSync, replaceDerived } from './derived-file.ts';

/** Raised with the form of the file. */
const VERSION = 1;
const HASH_BYTES = 32;
/** The key, and how many hashes follow; then the paths, as JSON. */
const HEAD_BYTES = HASH_BYTES + 4;

/** What of the history tells whether a file is safe. */
export interface SavedContents {
  /** Of every file that a branch or tag reaches, and whose content was not pruned. */
  readonly hashes: ReadonlySet<FileHash>;
  /** Every path that was ever committed. */
  readonly paths: ReadonlySet<string>;
}

const fileOf = (derivedDirectory: string): string => path.join(derivedDirectory, 'saved.table');

function decode(payload: Buffer): SavedContents {
  const end = HEAD_BYTES + HASH_BYTES * payload.readUInt32LE(HASH_BYTES);
  const text = toHex(payload.subarray(HEAD_BYTES, end));
  const hashes = new Set<FileHash>();
  for (let at = 0; at < text.length; at += 2 * HASH_BYTES)
    hashes.add(parseFileHash(text.slice(at, at + 2 * HASH_BYTES)));
  return { hashes, paths: new Set(JSON.parse(payload.toString('utf8', end)) as readonly string[]) };
}

/** What was remembered of exactly this state, if it was the last. */
export function readSavedTable(derivedDirectory: string, key: string): SavedContents | undefined {
  let bytes = Buffer.alloc(0);
  deriveSync(() => {
    bytes = readFileSync(fileOf(derivedDirectory));
  });
  const [payload] = readBlocks(VERSION, bytes).payloads;
  return payload?.toString('hex', 0, HASH_BYTES) === key ? decode(payload) : undefined;
}

/** Remembers it for the next command that finds the refs where they are. */
export function rememberSavedTable(derivedDirectory: string, key: string, { hashes, paths }: SavedContents): void {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(key, 'hex');
  head.writeUInt32LE(hashes.size, HASH_BYTES);
  const payload = Buffer.concat([
    head,
    Buffer.from([...hashes].join(''), 'hex'),
    Buffer.from(JSON.stringify([...paths])),
  ]);
  replaceDerived(fileOf(derivedDirectory), [encodeBlock(VERSION, payload)]);
}

/** True for a file of one whole block and nothing else. */
export function isSavedTableWhole(bytes: Buffer): boolean {
  return readBlocks(VERSION, bytes).end === bytes.byteLength;
}
