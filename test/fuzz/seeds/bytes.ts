/** Little-endian numbers, and the joints of the files below. */
export const u8 = (...values: readonly number[]): Buffer => Buffer.from(values);
export const u32 = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
export const u64 = (...values: readonly (number | bigint)[]): Buffer =>
  Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer);
export const f32 = (...values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
export const join = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
