import type { BlockType } from './codec.ts';
import { type Lane, laneOf, shortenLane } from './lanes.ts';

/**
 * Floats without a base: the lead (exponent and first bit of the mantissa) is a symbol; sign and tail, the bits below, follow raw.
 * Symbol 0 is +0, of which pruned weights have many; symbol 1 a lead outside the window, whose whole number follows raw.
 */
export const ZERO = 0;
export const ESCAPE = 1;
/** Symbol of the first lead in the window. */
export const FIRST_LEAD = 2;
/** Leads that have a symbol of their own. */
export const WINDOW = 254;

/** Where the lead of a number lies; for numbers of more than 32 bits `signBit` counts in the high half. */
export interface LeadLayout {
  readonly lane: Lane;
  readonly tailBits: number;
  readonly signBit: number;
}

/** Layout of the floats of a type without their lowest bits. */
export function leadLayout(type: BlockType, shift: number): LeadLayout {
  const lane = shortenLane(laneOf(type), shift);
  return { lane, tailBits: Math.max(0, lane.mantissaBits - 1), signBit: (1 << (lane.bits - 1)) >>> 0 };
}

/** Raw bits that follow each symbol. */
export function tailLengths({ lane, tailBits }: LeadLayout): Uint8Array {
  const lengths = new Uint8Array(256).fill(1 + tailBits);
  lengths[ZERO] = 0;
  lengths[ESCAPE] = lane.bits;
  return lengths;
}
