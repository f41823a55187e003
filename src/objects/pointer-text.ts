import { reject, rejectVersion } from './fields.ts';
import { parseContentId, parseFileHash, parseManifestId } from './ids.ts';
import { parseDType, parseFormatName } from './names.ts';
import type { Pointer, PointerTensor } from './pointer-model.ts';

const WHAT = 'a pointer';
const FIRST_WORDS = 'wsvc checkpoint';

/**
 * What JSON.stringify leaves as it is although a terminal, an editor or git would not show it as one visible line: DEL and
 * the C1 controls, the Unicode line ends, and the marks that turn the direction of writing.
 */
const HIDDEN = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Quotes a name so that it stays on one line and shows what it is. */
export function quoteName(name: string): string {
  return JSON.stringify(name).replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Reads what {@link quoteName} writes. @throws CorruptError */
export function unquoteName(text: string): string {
  try {
    const name: unknown = JSON.parse(text);
    if (typeof name === 'string') return name;
  } catch {
    // Told below.
  }
  return reject('a quoted name', 'it must be a JSON string');
}

const tensorLine = ({ name, dtype, shape, content }: PointerTensor): string =>
  `${quoteName(name)} ${dtype} [${shape.join(',')}] ${content}`;

/** Writes the text that stands for a checkpoint in a git tree (docs/format.md, section "Pointer"). */
export function formatPointer(pointer: Pointer): string {
  const header = [
    `${FIRST_WORDS} ${pointer.version}`,
    `manifest ${pointer.manifest}`,
    `sha256 ${pointer.sha256}`,
    `bytes ${pointer.byteLength}`,
    `format ${pointer.format}`,
    `parameters ${pointer.parameters}`,
    '',
  ];
  return [...header, ...pointer.tensors.map(tensorLine), ''].join('\n');
}

const COUNT = /^(0|[1-9]\d{0,15})$/;

function parseCount(text: string): number {
  const count = COUNT.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(count) ? count : reject(WHAT, 'its numbers must be counts');
}

const TENSOR_LINE = /^("(?:[^"\\]|\\.)*") (\w+) \[((?:\d+(?:,\d+)*)?)\] ([0-9a-f]{64})$/;

function parseTensorLine(line: string): PointerTensor {
  const [, name, dtype, shape, content] = TENSOR_LINE.exec(line) ?? [];
  if (name === undefined || dtype === undefined || shape === undefined || content === undefined) {
    return reject(WHAT, 'a tensor line must be name, type, shape and content id');
  }
  return {
    name: unquoteName(name),
    dtype: parseDType(dtype),
    shape: shape === '' ? [] : shape.split(',').map(parseCount),
    content: parseContentId(content),
  };
}

function headerValue(line: string | undefined, key: string): string {
  return line?.startsWith(`${key} `) ? line.slice(key.length + 1) : reject(WHAT, `its header must have "${key}"`);
}

/** A copy: a piece of a text that is kept keeps all of it. */
function detach(text: string): string {
  return Buffer.from(text).toString();
}

function checkVersion(line: string): 1 {
  const version = headerValue(line, FIRST_WORDS);
  return version === '1' ? 1 : rejectVersion('pointer version', String(parseCount(version)));
}

/** True when the text claims to be a pointer, of whatever version. */
export function isPointer(text: string): boolean {
  return text.startsWith(`${FIRST_WORDS} `);
}

/**
 * Reads a pointer; only what {@link formatPointer} writes is accepted, byte for byte.
 *
 * @throws CorruptError for a broken rule; WsvcError `format-version` for a newer version, type or format.
 */
export function parsePointer(text: string): Pointer {
  const [first = '', manifest, sha256, bytes, format, parameters, blank, ...rest] = text.split('\n');
  const version = checkVersion(first);
  if (blank !== '' || rest.pop() !== '') reject(WHAT, 'a blank line must end the header, a line end the text');
  const pointer: Pointer = {
    version,
    manifest: parseManifestId(detach(headerValue(manifest, 'manifest'))),
    sha256: parseFileHash(detach(headerValue(sha256, 'sha256'))),
    byteLength: parseCount(headerValue(bytes, 'bytes')),
    format: parseFormatName(headerValue(format, 'format')),
    parameters: parseCount(headerValue(parameters, 'parameters')),
    tensors: rest.map(parseTensorLine),
  };
  if (formatPointer(pointer) !== text) reject(WHAT, 'it must be written in the one way');
  return pointer;
}
