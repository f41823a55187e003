/** A part of a block: what its codes count, and what code 0 stands below zero by. */
export interface PartScales {
  readonly scale: number;
  readonly min: number;
}

/** The 6-bit scale and minimum of one of the 8 parts of a Q4_K or Q5_K block, from its twelve bytes at `at` (ggml's `get_scale_min_k4`). */
export function readSixBitScales(bytes: Uint8Array, at: number, part: number): PartScales {
  const first = bytes[at + (part & 3)] ?? 0;
  const second = bytes[at + 4 + (part & 3)] ?? 0;
  if (part < 4) return { scale: first & 63, min: second & 63 };
  const shared = bytes[at + 4 + part] ?? 0;
  return { scale: (shared & 15) | ((first >> 6) << 4), min: (shared >> 4) | ((second >> 6) << 4) };
}
