declare module 'seek-bzip' {
  /** Decodes bzip2; throws an Error where the bytes are none. `output` takes the bytes one by one, `input` gives them. */
  export function decode(
    input: { readByte(): number; read(target: Uint8Array, offset: number, length: number): number },
    output: { writeByte(byte: number): void; flush?(): void },
    isMultistream?: boolean,
  ): void;
}
