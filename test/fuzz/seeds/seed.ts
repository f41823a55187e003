import type { FormatName } from '../../../src/formats/format.ts';

/** Files by name; the first is the primary. */
export type Files = Readonly<Record<string, Uint8Array>>;

/** A small valid model that mutants are made of. */
export interface Seed {
  readonly format: FormatName;
  readonly name: string;
  readonly files: Files;
}

/** Makes a seed of one file. */
export function seedOf(format: FormatName, fileName: string, bytes: Uint8Array): Seed {
  return { format, name: `${format}: ${fileName}`, files: { [fileName]: bytes } };
}
