import type { Summary } from '../sketch/summary.ts';
import { elementCount } from '../tensors/dtype.ts';
import { tellingTensors } from './contents.ts';

/**
 * A bound on ln of the chance that independent weights are equal byte for byte: every weight that is not zero, in a tensor whose values have both
 * signs, agrees in its sign at least, which is one bit. Tensors of one sign count one weight, of 24 bits.
 */
export function logChanceOfContent(summary: Summary): number {
  let bits = 0;
  for (const { shape, statistics } of tellingTensors(summary)) {
    const hasBothSigns = statistics.min < 0 && statistics.max > 0;
    bits += hasBothSigns ? elementCount(shape) - statistics.zeroCount - statistics.nanCount : 24;
  }
  return -bits * Math.LN2;
}
