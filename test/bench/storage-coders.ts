import { spawnSync } from 'node:child_process';
import { deflateRawSync } from 'node:zlib';
import { type Bits, bitsOf, planesOf, sizeOfAdaptiveClasses, xorBits } from './codec-peers.ts';
import type { RawTensor } from './resnet-sets.ts';
import { hasProgram } from './timing.ts';

/** True where the re-created coders have the compressor that BitX uses; they deflate elsewhere. */
export const HAS_ZSTD = hasProgram('zstd');

function compressedBytes(pieces: readonly Uint8Array[]): number {
  const input = Buffer.concat(pieces);
  if (!HAS_ZSTD) return deflateRawSync(input, { level: 6 }).length;
  const { stdout, status } = spawnSync('zstd', ['-q', '-3', '-c'], { input, maxBuffer: 1 << 30 });
  if (status !== 0) throw new Error('zstd failed');
  return stdout.length;
}

type FloatType = 'f32' | 'bf16' | 'f16';
const isFloat = (type: string): type is FloatType => type === 'f32' || type === 'bf16' || type === 'f16';

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Streams of a file, each compressed by itself: one for each byte of its numbers, and one for all that are no floats. */
class Streams {
  readonly #pieces = new Map<string, Uint8Array[]>();

  add(name: string, piece: Uint8Array): void {
    const pieces = this.#pieces.get(name) ?? [];
    this.#pieces.set(name, pieces);
    pieces.push(piece);
  }

  addNumbers(type: FloatType, numbers: Bits): void {
    for (const [i, plane] of planesOf(numbers).entries()) this.add(`${type} ${i}`, plane);
  }

  get byteLength(): number {
    return [...this.#pieces.values()].reduce((sum, pieces) => sum + compressedBytes(pieces), 0);
  }
}

type Checkpoint = readonly RawTensor[];

/** What a file takes, given the one before it: a tensor that has one of its name, type and length there is coded against it. */
function sizeOfFile(
  file: Checkpoint,
  before: Checkpoint | undefined,
  codeDelta: (streams: Streams, type: FloatType, next: Bits, base: Bits) => number,
): number {
  const others = new Map(before?.map((tensor) => [tensor.name, tensor]));
  const streams = new Streams();
  let bytes = 0;
  for (const { name, dtype, bytes: plain } of file) {
    const other = others.get(name);
    const isAlike = other?.dtype === dtype && other.bytes.length === plain.length;
    if (isAlike && isSame(plain, other.bytes)) continue;
    if (!isFloat(dtype)) streams.add('other', plain);
    else if (isAlike) bytes += codeDelta(streams, dtype, bitsOf(plain, dtype), bitsOf(other.bytes, dtype));
    else streams.addNumbers(dtype, bitsOf(plain, dtype));
  }
  return bytes + streams.byteLength;
}

/** A published coder of weights, written anew from its description. */
export interface Coder {
  readonly name: string;
  /** Bytes of each file of a series, each given the one before it. Tensors only: names and headers are not counted. */
  code(files: readonly Checkpoint[]): readonly number[];
}

/** XOR with the base, exponents and the other bytes apart, zstd -3 (ZipLLM, arXiv 2505.06252). */
const bitX: Coder = {
  name: 'BitX-like',
  code: (files) =>
    files.map((file, i) =>
      sizeOfFile(file, files[i - 1], (streams, type, next, base) => {
        streams.addNumbers(type, xorBits(next, base));
        return 0;
      }),
    ),
};

/** Difference of ordered integers, sign and length by an adaptive coder, low bits raw (FM-Delta, NeurIPS 2024). The first as for BitX. */
const fmDelta: Coder = {
  name: 'FM-Delta-like',
  code: (files) =>
    files.map((file, i) => sizeOfFile(file, files[i - 1], (_, __, next, base) => sizeOfAdaptiveClasses(next, base))),
};

export const CODERS: readonly Coder[] = [bitX, fmDelta];
