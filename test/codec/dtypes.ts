import type { BlockType } from '../../src/codec/index.ts';

/** Every block type; a new one fails to compile here until it is listed. */
const LISTED = {
  f64: true,
  f32: true,
  f16: true,
  bf16: true,
  f8_e4m3: true,
  f8_e5m2: true,
  i64: true,
  i32: true,
  i16: true,
  i8: true,
  u64: true,
  u32: true,
  u16: true,
  u8: true,
  bool: true,
  c64: true,
  c128: true,
  bytes: true,
} as const satisfies Record<BlockType, true>;

/** Every block type. */
export const DTYPES: readonly BlockType[] = Object.keys(LISTED).filter((key): key is BlockType => key in LISTED);
