/** Little-endian numbers, and the joints of the files below. */
export const u8 = (...values: readonly number[]): Buffer => Buffer.from(values);
export const u32 = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
export const u64 = (...values: readonly (number | bigint)[]): Buffer =>
  Buffer.from(BigUint64Array.from(values.map(BigInt)).buffer);
export const f32 = (...values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
export const join = (...parts: readonly (Uint8Array | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));

/** A safetensors file with any header; its tensors may all lie one behind the other. */
export function safetensorsBytes(
  header: Readonly<Record<string, { readonly data_offsets: readonly number[] }>>,
  dataBytes: number,
  isSpread = false,
): Buffer {
  const entries = Object.entries(header).map(([name, entry], i) => {
    const offsets = isSpread ? entry.data_offsets.map((offset) => offset + i * dataBytes) : entry.data_offsets;
    return [name, { ...entry, data_offsets: offsets }] as const;
  });
  const text = JSON.stringify(Object.fromEntries(entries));
  const data = Buffer.alloc(isSpread ? dataBytes * entries.length : dataBytes, 1);
  return join(u64(Buffer.byteLength(text)), text, data);
}
