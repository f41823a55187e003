// The adaptive codec: changes as learned decisions.
import { readNumber, writeNumber } from './numbers';

// The adaptive codec's model: probabilities (f64), how often each was used (u16), and by how much each use moves it (f64).
// Places in it: whether a number changes, by 256 classes and 8 lengths of the last step; the sign, by 16 lengths and signs; whether the length ends
// here, by class, 3 coarse steps and 33 lengths; the bit below the highest, by length.
const SIGNS: u32 = 256 * 8;
const LENGTHS: u32 = SIGNS + 16;
const SECONDS: u32 = LENGTHS + 256 * 3 * 33;
const DECISIONS: u32 = SECONDS + 33;
const LONGEST_MEMORY: u32 = 1023;
const LEAST: f64 = 1.0 / 262144.0;

// @ts-ignore: decorator
@inline
function countsOf(model: usize): usize {
  return model + (<usize>DECISIONS << 3);
}

// @ts-ignore: decorator
@inline
function ratesOf(model: usize): usize {
  return model + (((<usize>DECISIONS * 10) + 7) & ~7);
}

/** Bytes that the model takes. */
export function modelByteLength(): u32 {
  return <u32>ratesOf(0) + (LONGEST_MEMORY + 1) * 8;
}

function beginModel(model: usize): void {
  for (let i: u32 = 0; i < DECISIONS; i++) {
    store<f64>(model + (<usize>i << 3), i < SIGNS ? 1.0 / 32.0 : 0.5);
    store<u16>(countsOf(model) + (<usize>i << 1), 0);
  }
  for (let n: u32 = 0; n <= LONGEST_MEMORY; n++) store<f64>(ratesOf(model) + (<usize>n << 3), 1.0 / (<f64>n + 1.5));
}

// @ts-ignore: decorator
@inline
function learn(model: usize, context: u32, bit: u32): void {
  const place = model + (<usize>context << 3);
  const used = countsOf(model) + (<usize>context << 1);
  const n: u32 = load<u16>(used);
  const one = load<f64>(place);
  const next = one + (<f64>bit - one) * load<f64>(ratesOf(model) + (<usize>n << 3));
  store<f64>(place, min<f64>(max<f64>(next, LEAST), 1.0 - LEAST));
  store<u16>(used, <u16>(n + <u32>(n < LONGEST_MEMORY)));
}

let coderLow: u32 = 0;
let coderHigh: u32 = 0;
let coderCode: u32 = 0;
let coderAt: usize = 0;
let coderEnd: usize = 0;

function decodeBit(one: f64): u32 {
  let low = coderLow;
  let high = coderHigh;
  let code = coderCode;
  const middle = low + <u32>(<f64>(high - low) * one);
  const bit: u32 = code <= middle ? 1 : 0;
  if (bit) high = middle;
  else low = middle + 1;
  while (((low ^ high) & 0xff000000) === 0) {
    low <<= 8;
    high = (high << 8) | 255;
    code = (code << 8) | (coderAt < coderEnd ? <u32>load<u8>(coderAt) : 0);
    coderAt++;
  }
  coderLow = low;
  coderHigh = high;
  coderCode = code;
  return bit;
}

function decodeLearned(model: usize, context: u32): u32 {
  const bit = decodeBit(load<f64>(model + (<usize>context << 3)));
  learn(model, context, bit);
  return bit;
}

/** The difference of a number that changes, two's complement. */
function decodeDifference(model: usize, lengths: u32, step: u32): u32 {
  const sign = decodeLearned(model, SIGNS + step);
  let length: u32 = 1;
  while (length < 32 && decodeLearned(model, lengths + length) === 0) length++;
  let magnitude: u32 = 1;
  if (length > 1) magnitude = 2 | decodeLearned(model, SECONDS + length);
  if (length > 2) {
    let field: u32 = 0;
    for (let i: u32 = 0; i < length - 2; i++) field |= decodeBit(0.5) << i;
    magnitude = (magnitude << (length - 2)) | field;
  }
  return (magnitude ^ (0 - sign)) + sign;
}

// @ts-ignore: decorator
@inline
function lengthsFor(c: u32, step: u32): u32 {
  return LENGTHS + (c * 3 + min<u32>(step >>> 1, 2)) * 33;
}

// @ts-ignore: decorator
@inline
function decodeChangesLoop(
  width: u32, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, mask: u32, classShift: u32, classMask: u32,
  steps: usize, model: usize,
): void {
  let low = coderLow;
  let high = coderHigh;
  let code = coderCode;
  for (let i: u32 = 0; i < count; i++) {
    const b = readNumber(numbers, i, width);
    const c = (b >>> classShift) & classMask;
    const step: u32 = load<u8>(steps + i);
    const context = (c << 3) | (step >>> 1);
    const middle = low + <u32>(<f64>(high - low) * load<f64>(model + (<usize>context << 3)));
    const bit: u32 = code <= middle ? 1 : 0;
    if (bit) high = middle;
    else low = middle + 1;
    while (((low ^ high) & 0xff000000) === 0) {
      low <<= 8;
      high = (high << 8) | 255;
      code = (code << 8) | (coderAt < coderEnd ? <u32>load<u8>(coderAt) : 0);
      coderAt++;
    }
    learn(model, context, bit);
    if (bit === 0) continue;
    coderLow = low;
    coderHigh = high;
    coderCode = code;
    const difference = decodeDifference(model, lengthsFor(c, step), step);
    low = coderLow;
    high = coderHigh;
    code = coderCode;
    const ordered = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    const sum = (ordered + difference) & mask;
    writeNumber(numbers, i, width, sum ^ (((~(<u32>(<i32>(sum << toTop) >> 31))) & rest) | flip));
  }
}

/** Decodes changes of numbers, in place. Returns how many bytes were taken in, also those after the end, which are zeros. */
export function decodeChanges(
  width: u32, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, mask: u32, classShift: u32, classMask: u32,
  steps: usize, coded: usize, codedLength: u32, model: usize,
): usize {
  beginModel(model);
  coderLow = 0;
  coderHigh = 0xffffffff;
  coderCode = bswap(load<u32>(coded));
  coderAt = coded + 4;
  coderEnd = coded + codedLength;
  if (width === 4) decodeChangesLoop(4, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  else if (width === 2) decodeChangesLoop(2, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  else decodeChangesLoop(1, numbers, count, toTop, rest, flip, mask, classShift, classMask, steps, model);
  return coderAt - coded;
}

function encodeBit(bit: u32, one: f64): void {
  let low = coderLow;
  let high = coderHigh;
  const middle = low + <u32>(<f64>(high - low) * one);
  if (bit) high = middle;
  else low = middle + 1;
  while (((low ^ high) & 0xff000000) === 0) {
    if (coderAt < coderEnd) store<u8>(coderAt, <u8>(high >>> 24));
    coderAt++;
    low <<= 8;
    high = (high << 8) | 255;
  }
  coderLow = low;
  coderHigh = high;
}

function encodeLearned(bit: u32, model: usize, context: u32): void {
  encodeBit(bit, load<f64>(model + (<usize>context << 3)));
  learn(model, context, bit);
}

function encodeDifference(difference: u32, model: usize, lengths: u32, step: u32): void {
  const sign = difference >>> 31;
  const magnitude = (difference ^ (0 - sign)) + sign;
  const length: u32 = 32 - clz<u32>(magnitude);
  encodeLearned(sign, model, SIGNS + step);
  for (let k: u32 = 1; k <= length && k < 32; k++) encodeLearned(<u32>(k === length), model, lengths + k);
  if (length > 1) encodeLearned((magnitude >>> (length - 2)) & 1, model, SECONDS + length);
  if (length > 2) for (let i: u32 = 0; i < length - 2; i++) encodeBit((magnitude >>> i) & 1, 0.5);
}

/** The reverse of decodeChanges: codes how numbers differ from known ones. Returns the bytes that it takes; more than `room` where they did not fit. */
export function encodeChanges(
  width: u32, plain: usize, numbers: usize, count: u32, toTop: u32, rest: u32, flip: u32, classShift: u32, classMask: u32,
  steps: usize, out: usize, room: u32, model: usize,
): usize {
  beginModel(model);
  coderLow = 0;
  coderHigh = 0xffffffff;
  coderAt = out;
  coderEnd = out + room;
  for (let i: u32 = 0; i < count; i++) {
    const a = readNumber(plain, i, width);
    const b = readNumber(numbers, i, width);
    const c = (b >>> classShift) & classMask;
    const step: u32 = load<u8>(steps + i);
    encodeLearned(<u32>(a !== b), model, (c << 3) | (step >>> 1));
    if (a === b) continue;
    const orderedA = a ^ (((<u32>(<i32>(a << toTop) >> 31)) & rest) | flip);
    const orderedB = b ^ (((<u32>(<i32>(b << toTop) >> 31)) & rest) | flip);
    encodeDifference(orderedA - orderedB, model, lengthsFor(c, step), step);
  }
  for (let shift: i32 = 24; shift >= 0; shift -= 8) {
    if (coderAt < coderEnd) store<u8>(coderAt, <u8>(coderLow >>> shift));
    coderAt++;
  }
  return coderAt - out;
}
