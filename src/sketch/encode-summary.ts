import { fromHex, toHex } from '../bytes/hex.ts';
import { CorruptError } from '../errors.ts';
import type { Declared } from '../formats/format.ts';
import type { CanonicalValue } from '../objects/canonical.ts';
import { asCount, asList, asMap, asRecord, asText, reject } from '../objects/fields.ts';
import { parseBlobId, parseFileHash, parseSpaceId } from '../objects/ids.ts';
import { parseDType, parseFormatName, parseRole } from '../objects/names.ts';
import { shareShape } from '../tensors/shared-shapes.ts';
import { STATISTICS_FIELDS, StatisticsTable } from '../tensors/statistics-table.ts';
import { ByteReader, ByteWriter } from './packed-bytes.ts';
import { SKETCH_LENGTH, type Summary, type TensorStatistics, type TensorSummary } from './summary.ts';
import { contentIdOf } from './tensor-pass.ts';

/**
 * A summary is derived data, decoded by the thousand when a repository opens: a JSON header (names, shapes), then hashes,
 * statistics and sketches as plain bytes. Anything that is read back is checked. Both versions stay readable: the records of pruned
 * checkpoints hold them.
 */
const VERSION = 1;
/** Sketches of small models are mostly zeros, of which only the places are kept. */
const SPARSE_VERSION = 2;

/** JSON holds no NaN and no infinity; a declared number that is none says nothing. */
function finiteDeclared(declared: Declared): Declared {
  return Object.fromEntries(
    Object.entries(declared).filter(([, value]) => typeof value === 'string' || Number.isFinite(value)),
  );
}

function sketchesOf({ sketch, centred, invariants }: Summary): readonly Float32Array[] {
  return invariants === undefined ? [sketch, centred] : [sketch, centred, invariants];
}

/** True where a bit for each value costs less than the zeros do. */
function isSparse(summary: Summary): boolean {
  const sketches = sketchesOf(summary);
  const zeros = sketches.reduce((sum, values) => sum + countZeros(values), 0);
  return 4 * zeros > (sketches.length * SKETCH_LENGTH) / 8;
}

/** Those that -0 is not among. */
function countZeros(values: Float32Array): number {
  let zeros = 0;
  for (let i = 0; i < values.length; i++) if (values[i] === 0 && Object.is(values[i], 0)) zeros++;
  return zeros;
}

function encodeHeader(summary: Summary, version: number): Uint8Array {
  const header = {
    version,
    format: summary.format,
    files: summary.files.map(({ name, byteLength }) => [name, byteLength]),
    parameters: summary.parameters,
    tensors: summary.tensors.map(({ name, dtype, shape, role, chunks }) => [name, dtype, shape, role, chunks.length]),
    invariants: summary.invariants !== undefined,
    declared: finiteDeclared(summary.declared),
  };
  return new TextEncoder().encode(JSON.stringify(header));
}

/** Encodes a summary compactly. */
export function encodeSummary(summary: Summary): Uint8Array {
  const writer = new ByteWriter();
  const version = isSparse(summary) ? SPARSE_VERSION : VERSION;
  const header = encodeHeader(summary, version);
  writer.number(header.byteLength);
  writer.bytes(header);
  for (const { sha256 } of summary.files) writer.bytes(fromHex(sha256));
  writer.bytes(fromHex(summary.space));
  writer.number(summary.norm);
  writer.number(summary.kurtosis);
  for (const { chunks, statistics } of summary.tensors) {
    for (const chunk of chunks) writer.bytes(fromHex(chunk));
    for (const key of STATISTICS_FIELDS) writer.number(statistics[key]);
  }
  for (const values of sketchesOf(summary)) {
    if (version === SPARSE_VERSION) writer.sparseFloats(values);
    else writer.floats(values);
  }
  return writer.finish();
}

function parseHeader(bytes: Uint8Array): CanonicalValue {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new CorruptError('a summary has no header', { cause });
  }
}

function readStatistics(reader: ByteReader, table: StatisticsTable): TensorStatistics {
  for (let i = 0; i < numbers.length; i++) numbers[i] = reader.number();
  return table.addNumbers(numbers);
}

const numbers = new Float64Array(STATISTICS_FIELDS.length);

function readTensor(value: CanonicalValue, reader: ByteReader, table: StatisticsTable): TensorSummary {
  const [name, dtype, shape, role, chunkCount] = asList(value, "a summary's tensor");
  const chunks = Array.from({ length: reader.checkCount(asCount(chunkCount, 'its chunks'), 32) }, () =>
    parseBlobId(toHex(reader.bytes(32))),
  );
  return {
    name: asText(name, "a tensor's name"),
    dtype: parseDType(asText(dtype, "a tensor's type")),
    shape: shareShape(asList(shape, "a tensor's shape").map((size) => asCount(size, "a tensor's axis"))),
    role: parseRole(asText(role, "a tensor's role")),
    content: contentIdOf(chunks),
    chunks,
    statistics: readStatistics(reader, table),
  };
}

function readDeclared(value: CanonicalValue | undefined): Declared {
  const declared = Object.entries(asMap(value, 'what a summary declares'));
  return Object.fromEntries(
    declared.map(([key, entry]) => {
      if (typeof entry !== 'string' && typeof entry !== 'number') reject('what a summary declares', 'text or number');
      return [key, entry];
    }),
  );
}

const HEADER_KEYS = ['version', 'format', 'files', 'parameters', 'tensors', 'invariants', 'declared'];

/**
 * Decodes what {@link encodeSummary} wrote.
 *
 * @throws CorruptError when the bytes are anything else; WsvcError `format-version` for a type or format of a newer wsvc.
 */
export function decodeSummary(bytes: Uint8Array): Summary {
  const reader = new ByteReader(bytes);
  const header = asRecord(parseHeader(reader.bytes(reader.number())), 'a summary', HEADER_KEYS);
  const { version } = header;
  if (version !== VERSION && version !== SPARSE_VERSION)
    reject('a summary', `its version must be ${VERSION} or ${SPARSE_VERSION}`);
  const files = asList(header.files, "a summary's files").map((file) => {
    const [name, byteLength] = asList(file, "a summary's file");
    return {
      name: asText(name, "a file's name"),
      byteLength: asCount(byteLength, "a file's size"),
      sha256: parseFileHash(toHex(reader.bytes(32))),
    };
  });
  const space = parseSpaceId(toHex(reader.bytes(32)));
  const norm = reader.number();
  const kurtosis = reader.number();
  const list = asList(header.tensors, "a summary's tensors");
  const table = new StatisticsTable(list.length);
  const tensors = list.map((tensor) => readTensor(tensor, reader, table));
  const readSketch = () =>
    version === SPARSE_VERSION ? reader.sparseFloats(SKETCH_LENGTH) : reader.floats(SKETCH_LENGTH);
  const sketch = readSketch();
  const centred = readSketch();
  const invariants = header.invariants === true ? { invariants: readSketch() } : {};
  reader.end();
  return {
    format: parseFormatName(asText(header.format, "a summary's format")),
    files,
    space,
    parameters: asCount(header.parameters, "a summary's parameters"),
    tensors,
    sketch,
    centred,
    ...invariants,
    norm,
    kurtosis,
    declared: readDeclared(header.declared),
  };
}
