import { ByteReader } from './byte-reader.ts';
import { CompressionFault, Output } from './output.ts';

/**
 * Decodes bzip2, streams one behind the other.
 *
 * @throws CompressionFault
 */
export async function decodeBzip2(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const { default: bzip } = await import('seek-bzip');
  const output = new Output(limit);
  const reader = new ByteReader(bytes);
  // Without a way to ask for the end the library goes on to the mark that ends a stream: files that are cut are told from whole ones.
  const input = {
    readByte: () => reader.u8(),
    read(target: Uint8Array, offset: number, length: number): number {
      target.set(reader.take(length), offset);
      return length;
    },
  };
  try {
    while (reader.left > 0) bzip.decode(input, { writeByte: (byte) => output.push(byte) }, false);
  } catch (error) {
    if (error instanceof CompressionFault) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new CompressionFault(`the compressed bytes must be bzip2 (${reason})`);
  }
  return output.since(0);
}
