/** Codec numbers, as docs/format-codecs.md registers them. A number is never used again for something else. */
export const CODEC = {
  raw: 0,
  deflate: 1,
  floats: 2,
  bytes: 3,
  dense: 4,
  sparse: 5,
  gathered: 6,
  adaptive: 7,
  updated: 8,
  continued: 9,
  headed: 10,
} as const;
