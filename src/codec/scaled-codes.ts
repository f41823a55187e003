import { check, type PayloadReader, type PayloadWriter } from './payload.ts';

/** How the numbers of a block fall into slices that share a factor: number i lies in slice floor((offset + i) / run) mod count. */
export interface Slices {
  readonly run: number;
  readonly count: number;
  /** Numbers of the first slice that lie before the block; below `run * count`. */
  readonly offset: number;
}

/** How floats become 8-bit codes: times the factor of their slice, plus its code of zero. */
export interface ScaledCodes extends Slices {
  /** All factors; or, where each is 127 over the slice's largest number, those that are not. */
  readonly factors: Float32Array<ArrayBuffer> | ReadonlyMap<number, number>;
  /** Code of zero of each slice, as a byte; absent where it is 0 in all. */
  readonly zeros?: Uint8Array;
}

/** A slice may be longer than any block. */
const MAX_RUN = 2 ** 40;

/** 127 over the largest finite number of each slice, in f32; 0 for slices of zeros. */
export function deriveFactors(values: Float32Array, { run, count, offset }: Slices): Float32Array<ArrayBuffer> {
  const largest = new Float32Array(count);
  let slice = Math.floor(offset / run) % count;
  let left = run - (offset % run);
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i] ?? 0);
    if (size > (largest[slice] ?? 0) && size < Infinity) largest[slice] = size;
    if (--left > 0) continue;
    left = run;
    if (++slice === count) slice = 0;
  }
  return largest.map((size) => (size > 0 ? 127 / size : 0));
}

function completeFactors(codes: ScaledCodes, values: Float32Array): Float32Array<ArrayBuffer> {
  if (codes.factors instanceof Float32Array) return codes.factors;
  const all = deriveFactors(values, codes);
  for (const [slice, factor] of codes.factors) all[slice] = factor;
  return all;
}

/** Codes of zero as numbers. */
function readZeros({ zeros, count }: ScaledCodes, isSigned: boolean): Int16Array {
  if (zeros === undefined) return new Int16Array(count);
  return Int16Array.from(isSigned ? new Int8Array(zeros) : zeros);
}

/** Codes of a block's numbers: rounded to the nearest, even at half way, within the range of i8 or u8; NaN becomes the lowest. */
export function roundToCodes(values: Float32Array, codes: ScaledCodes, isSigned: boolean): Uint8Array {
  const { run, count, offset } = codes;
  const factors = completeFactors(codes, values);
  const zeros = readZeros(codes, isSigned);
  const [lowest, highest] = isSigned ? [-128, 127] : [0, 255];
  const out = new Uint8Array(values.length);
  let slice = Math.floor(offset / run) % count;
  let left = run - (offset % run);
  for (let i = 0; i < values.length; i++) {
    const scaled = Math.fround((values[i] ?? 0) * (factors[slice] ?? 0));
    // Adding and taking away 1.5 * 2^52 rounds to the nearest integer, even at half way.
    const code = scaled + 6755399441055744 - 6755399441055744 + (zeros[slice] ?? 0);
    out[i] = code > lowest ? Math.min(code, highest) : lowest;
    if (--left > 0) continue;
    left = run;
    if (++slice === count) slice = 0;
  }
  return out;
}

/** Writes slices, then factors (all, or those that are not what the numbers say), then zeros. */
export function writeScaledCodes(writer: PayloadWriter, { run, count, offset, factors, zeros }: ScaledCodes): void {
  for (const field of [run, count, offset]) writer.varint(field);
  const isComplete = factors instanceof Float32Array;
  writer.byte((isComplete ? 0 : 1) | (zeros === undefined ? 0 : 2));
  if (isComplete) writer.bytes(new Uint8Array(factors.buffer, factors.byteOffset, factors.byteLength));
  else {
    writer.varint(factors.size);
    for (const [slice, factor] of factors) {
      writer.varint(slice);
      writer.float32(factor);
    }
  }
  if (zeros !== undefined) writer.bytes(zeros);
}

/** Reads what {@link writeScaledCodes} wrote, for a block of so many numbers. */
export function readScaledCodes(reader: PayloadReader, numbers: number): ScaledCodes {
  const run = reader.varint(MAX_RUN);
  const count = reader.varint(numbers);
  check(run > 0 && count > 0, 'its slices are empty');
  const offset = reader.varint(run * count - 1);
  const flags = reader.byte();
  check(flags < 4, 'its factors are of no known kind');
  const factors = (flags & 1) !== 0 ? readExceptions(reader, count) : readFactors(reader, count);
  return { run, count, offset, factors, ...((flags & 2) === 0 ? {} : { zeros: new Uint8Array(reader.bytes(count)) }) };
}

function readFactors(reader: PayloadReader, count: number): Float32Array<ArrayBuffer> {
  return new Float32Array(new Uint8Array(reader.bytes(count * 4)).buffer);
}

function readExceptions(reader: PayloadReader, count: number): ReadonlyMap<number, number> {
  const exceptions = new Map<number, number>();
  let last = -1;
  for (let left = reader.varint(count); left > 0; left--) {
    const slice = reader.varint(count - 1);
    check(slice > last, 'its factors are not in order');
    exceptions.set(slice, reader.float32());
    last = slice;
  }
  return exceptions;
}
