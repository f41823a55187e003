import { toHex } from '../bytes/hex.ts';
import type { Declared, FileRange } from '../formats/format.ts';
import { elementByteLength, elementCount } from '../tensors/dtype.ts';
import { shareShape } from '../tensors/shared-shapes.ts';
import type { CanonicalValue } from './canonical.ts';
import { decodeWithList } from './canonical-list.ts';
import { asBytes, asCount, asList, asMap, asRecord, asText, reject, rejectVersion } from './fields.ts';
import { type ContentId, type FileHash, parseBlobId, parseContentId, parseFileHash } from './ids.ts';
import type { Manifest, ManifestFile, ManifestTensor, Segment } from './manifest-model.ts';
import { parseDType, parseFormatName, parseRole } from './names.ts';

const WHAT = 'a manifest';
const HASH_BYTES = 32;

const hashText = (value: CanonicalValue | undefined, what: string): string => toHex(asBytes(value, HASH_BYTES, what));

function readSegment(value: CanonicalValue): Segment {
  // A copy: a view of a few bytes would keep those of the whole manifest.
  if (value instanceof Uint8Array) return { literal: value.slice() };
  const [blob, byteLength, ...rest] = asList(value, 'a segment');
  if (rest.length > 0) reject('a segment', 'it must be bytes, or a blob id and a length');
  return {
    blob: parseBlobId(hashText(blob, "a segment's blob id")),
    byteLength: asCount(byteLength, "a segment's length"),
  };
}

const segmentLength = (segment: Segment): number =>
  'literal' in segment ? segment.literal.byteLength : segment.byteLength;

/** A name that stays inside the primary file's folder, whatever system it is restored on. */
function isSafeRelativePath(name: string): boolean {
  const parts = name.split('/');
  return !/[\\\0]|^[A-Za-z]:/.test(name) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
}

function readFileRecord(value: CanonicalValue, index: number): ManifestFile {
  const record = asRecord(value, "a manifest's file", ['name', 'byteLength', 'sha256', 'segments']);
  const name = asText(record.name, "a file's name");
  if (index === 0 ? name !== '' : !isSafeRelativePath(name)) {
    reject("a file's name", 'the first must be empty, the others relative paths that stay in the folder');
  }
  const segments = asList(record.segments, "a file's segments").map(readSegment);
  const byteLength = asCount(record.byteLength, "a file's length");
  const sum = segments.reduce((total, segment) => total + segmentLength(segment), 0);
  if (sum !== byteLength) reject("a file's length", 'it must be the sum of its segments');
  const sha256: FileHash = parseFileHash(hashText(record.sha256, "a file's hash"));
  return { name, byteLength, sha256, segments };
}

function readRange(value: CanonicalValue, files: readonly ManifestFile[], byteLength: number): FileRange {
  const numbers = asList(value, "a tensor's place").map((entry) => asCount(entry, "a tensor's place"));
  const [file, offset, length, ...rest] = numbers;
  if (file === undefined || offset === undefined || length === undefined || rest.length > 0) {
    return reject("a tensor's place", 'it must be file, offset and length');
  }
  const target = files[file];
  if (target === undefined || offset + length > target.byteLength)
    reject("a tensor's place", 'it must be inside a file');
  if (length !== byteLength) reject("a tensor's place", 'its length must be that of the shape and type');
  return { file, offset, byteLength: length };
}

function readAxes(value: CanonicalValue, rank: number): readonly number[] {
  const axes = asList(value, "a tensor's axis order").map((entry) => asCount(entry, "a tensor's axis order"));
  const isPermutation = axes.length === rank && new Set(axes).size === rank && axes.every((axis) => axis < rank);
  return isPermutation ? axes : reject("a tensor's axis order", 'it must name every axis once');
}

const TENSOR_KEYS = ['name', 'dtype', 'shape', 'role', 'content'];

function readTensorRecord(value: CanonicalValue, files: readonly ManifestFile[]): ManifestTensor {
  const record = asRecord(value, "a manifest's tensor", TENSOR_KEYS, ['at', 'toCanonical']);
  const dtype = parseDType(asText(record.dtype, "a tensor's type"));
  const shape = shareShape(asList(record.shape, "a tensor's shape").map((axis) => asCount(axis, "a tensor's shape")));
  const byteLength = elementCount(shape) * elementByteLength(dtype);
  if (!Number.isSafeInteger(byteLength)) reject("a tensor's shape", 'its bytes must be countable');
  const content: ContentId = parseContentId(hashText(record.content, "a tensor's content id"));
  return {
    name: asText(record.name, "a tensor's name"),
    dtype,
    shape,
    role: parseRole(asText(record.role, "a tensor's role")),
    content,
    ...(record.at === undefined ? {} : { at: readRange(record.at, files, byteLength) }),
    ...(record.toCanonical === undefined ? {} : { toCanonical: readAxes(record.toCanonical, shape.length) }),
  };
}

function readDeclared(value: CanonicalValue | undefined): Declared {
  const entries = Object.entries(asMap(value, 'what a file declares'));
  const declared: Record<string, string | number> = Object.create(null);
  for (const [key, entry] of entries) {
    if (typeof entry !== 'string' && typeof entry !== 'number') reject('what a file declares', 'text or numbers only');
    declared[key] = entry;
  }
  return declared;
}

function checkUnique(names: readonly string[], what: string): void {
  if (new Set(names).size !== names.length) reject(WHAT, `the names of its ${what} must differ`);
}

function checkVersion(value: CanonicalValue | undefined): void {
  if (value !== 1) rejectVersion('manifest version', String(asCount(value, "a manifest's version")));
}

/**
 * Decodes and checks a manifest completely: what is returned keeps every rule of docs/format.md, section "Manifest".
 *
 * @throws CorruptError for a broken rule; WsvcError `format-version` for what a newer wsvc has written.
 */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const { map, list } = decodeWithList(bytes, 'tensors', (value) => {
    const files = readFiles(readRecord(value));
    return (entry) => readTensorRecord(entry, files);
  });
  const record = readRecord(map);
  const files = readFiles(record);
  const tensors = list ?? asList(record.tensors, "a manifest's tensors").map((entry) => readTensorRecord(entry, files));
  checkUnique(
    tensors.map((tensor) => tensor.name),
    'tensors',
  );
  return {
    version: 1,
    format: parseFormatName(asText(record.format, "a manifest's format")),
    files,
    tensors,
    declared: readDeclared(record.declared),
    ...(record.problem === undefined ? {} : { problem: asText(record.problem, "a manifest's problem") }),
  };
}

function readRecord(value: CanonicalValue) {
  checkVersion(asMap(value, WHAT).version);
  return asRecord(value, WHAT, ['version', 'format', 'files', 'tensors', 'declared'], ['problem']);
}

function readFiles(record: ReturnType<typeof readRecord>): readonly ManifestFile[] {
  const files = asList(record.files, "a manifest's files").map(readFileRecord);
  if (files.length === 0) reject(WHAT, 'it must have a file');
  checkUnique(
    files.map((file) => file.name),
    'files',
  );
  return files;
}
