import { CompressionFault } from './output.ts';

/** Reads little-endian numbers front to back. */
export class ByteReader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get left(): number {
    return this.bytes.byteLength - this.position;
  }

  /** @throws CompressionFault when the bytes end first. */
  take(byteLength: number): Uint8Array {
    if (!(byteLength >= 0 && byteLength <= this.left))
      throw new CompressionFault('the compressed bytes must not end early');
    this.position += byteLength;
    return this.bytes.subarray(this.position - byteLength, this.position);
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  u16(): number {
    return this.u8() + 256 * this.u8();
  }

  u32(): number {
    return this.u16() + 65_536 * this.u16();
  }

  u64(): bigint {
    return BigInt(this.u32()) + (BigInt(this.u32()) << 32n);
  }
}
