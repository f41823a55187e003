import type { Lane } from './lanes.ts';

function maskOf(bits: number): number {
  return bits === 32 ? -1 : (1 << bits) - 1;
}

/** All bits of a lane of at most 32 bits, as a signed 32-bit mask. */
export function laneMask(lane: Lane): number {
  return maskOf(lane.bits);
}

/** Drops the lowest bits of every number, in place. */
export function shiftDown(numbers: Uint32Array, shift: number): void {
  if (shift === 0) return;
  for (let i = 0; i < numbers.length; i++) numbers[i] = (numbers[i] ?? 0) >>> shift;
}

/** The reverse of {@link shiftDown}. */
export function shiftUp(numbers: Uint32Array, shift: number): void {
  if (shift === 0) return;
  for (let i = 0; i < numbers.length; i++) numbers[i] = (numbers[i] ?? 0) << shift;
}

/**
 * Replaces numbers by unsigned integers in the order of their values, in place: negative floats have all bits flipped, others
 * only the sign; signed integers their sign. -0 stands right below +0; NaNs stand beyond the infinities of their sign.
 */
export function toOrdered(numbers: Uint32Array, lane: Lane): void {
  const rest = lane.exponentBits > 0 ? laneMask(lane) : 0;
  const flip = lane.signed ? 1 << (lane.bits - 1) : 0;
  const toTop = 32 - lane.bits;
  if (flip === 0) return;
  for (let i = 0; i < numbers.length; i++) {
    const u = numbers[i] ?? 0;
    numbers[i] = u ^ ((((u << toTop) >> 31) & rest) | flip);
  }
}

/** The reverse of {@link toOrdered}, in place. */
export function fromOrdered(numbers: Uint32Array, lane: Lane): void {
  const rest = lane.exponentBits > 0 ? laneMask(lane) : 0;
  const flip = lane.signed ? 1 << (lane.bits - 1) : 0;
  const toTop = 32 - lane.bits;
  if (flip === 0) return;
  for (let i = 0; i < numbers.length; i++) {
    const u = numbers[i] ?? 0;
    numbers[i] = u ^ (((~(u << toTop) >> 31) & rest) | flip);
  }
}

/** Class of each number, 0 to 255: a float's exponent, 0 for integers. */
export function classesOf(numbers: Uint32Array, lane: Lane): Uint8Array {
  const classes = new Uint8Array(numbers.length);
  if (lane.exponentBits === 0) return classes;
  const mask = (1 << lane.exponentBits) - 1;
  for (let i = 0; i < numbers.length; i++) classes[i] = ((numbers[i] ?? 0) >>> lane.mantissaBits) & mask;
  return classes;
}

/** How many lowest bits are zero in every number; of every second one from `first` on, where `stride` is 2. */
export function trailingZeros(numbers: Uint8Array | Uint16Array | Uint32Array, first = 0, stride = 1): number {
  let all = 0;
  for (let i = first; i < numbers.length; i += stride) {
    all |= numbers[i] ?? 0;
    if ((all & 1) === 1) return 0;
  }
  return all === 0 ? 32 : 31 - Math.clz32(all & -all);
}
