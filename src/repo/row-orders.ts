import type { GatherView } from './gather-chunk.ts';

/** Queries and keys of attention, in the names of llama.cpp and of Hugging Face. */
const QUERY_OR_KEY = /(^|[._/])(attn_)?(wq|wk|[qk](_proj)?)([._/]|$)/;
/** Widths of attention heads that models have. */
const HEAD_WIDTHS = [256, 192, 160, 128, 112, 96, 80, 64, 48, 32, 24, 16, 8];

/**
 * The orders in which converters put the rows of queries and keys: rotary positions turn pairs of rows, which lie half a head apart in
 * one convention and side by side in the other (`permute` of llama.cpp's converter).
 */
export function listRowOrders(name: string, shape: readonly number[]): readonly GatherView[] {
  const [rows = 0, columns = 1] = shape;
  if (shape.length > 2 || !QUERY_OR_KEY.test(name)) return [];
  return HEAD_WIDTHS.filter((width) => rows % width === 0).flatMap((width): GatherView[] => {
    const [heads, half] = [rows / width, width / 2];
    const order = [0, 2, 1, 3];
    return [
      { sizes: [heads, 2, half, columns], order },
      { sizes: [heads, half, 2, columns], order },
    ];
  });
}
