import { toFloat32Bits } from './casts.ts';
import type { BlockType } from './codec.ts';

/** Beyond this a step does not continue the last one; whatever fits so badly predicts nothing. */
const MAX_MOMENTUM = 4;

/**
 * Finds how much of the last step the next one repeats, by least squares.
 *
 * @returns a f32 number, or `undefined` when there was no last step or the fit is senseless.
 */
export function fitMomentum(
  plain: Uint8Array,
  base: Uint8Array,
  before: Uint8Array,
  type: BlockType,
): number | undefined {
  const [next, here, last] = [plain, base, before].map((block) => new Float32Array(toFloat32Bits(block, type).buffer));
  if (next === undefined || here === undefined || last === undefined) return undefined;
  let product = 0;
  let square = 0;
  for (let i = 0; i < next.length; i++) {
    const value = here[i] ?? 0;
    const step = value - (last[i] ?? 0);
    const following = (next[i] ?? 0) - value;
    if (!Number.isFinite(step * following)) continue;
    product += step * following;
    square += step * step;
  }
  const momentum = Math.fround(product / square);
  return Math.abs(momentum) <= MAX_MOMENTUM && momentum !== 0 ? momentum : undefined;
}
