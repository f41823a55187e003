import type { BlockContext, BlockType } from './codec.ts';
import { countSymbols, readTables, writeTables } from './contexts.ts';
import { readLowBits, readShift } from './dense.ts';
import { findShift, numberWidth } from './differences.ts';
import { joinFloatsFast, type SplitFloats, splitFloatsFast } from './kernels/float-kernels.ts';
import { narrowNumbers, widenNumbers } from './lanes.ts';
import { ESCAPE, FIRST_LEAD, type LeadLayout, leadLayout, tailLengths, WINDOW, ZERO } from './leads.ts';
import { shiftDown, shiftUp } from './ordered.ts';
import { packBits, readWideBits, unpackBits, WidePacker } from './packing.ts';
import { check, PayloadReader, PayloadWriter } from './payload.ts';
import { decodeSymbols, encodeSymbols } from './rans.ts';
import { readWide, shiftWideDown, shiftWideUp, type WideNumbers, writeWide } from './wide-numbers.ts';

/** A block's numbers: symbols, and the raw bits that follow them. */
interface Parts {
  readonly windowStart: number;
  readonly symbols: Uint8Array;
  readonly tails: Uint8Array;
}

/** Made once: a file may have a hundred thousand small tensors. */
const counts = new Uint32Array(4096);

function countLeads(leads: Uint16Array): Uint32Array {
  counts.fill(0);
  for (let i = 0; i < leads.length; i++) counts[leads[i] ?? 0] = (counts[leads[i] ?? 0] ?? 0) + 1;
  return counts;
}

/** Where a window of {@link WINDOW} leads holds most numbers. */
function chooseWindow(counts: Uint32Array): number {
  let inside = 0;
  let best = { start: 0, inside: -1 };
  for (let end = 0; end < counts.length + WINDOW; end++) {
    inside += (counts[end] ?? 0) - (counts[end - WINDOW] ?? 0);
    if (inside > best.inside) best = { start: Math.max(0, end - WINDOW + 1), inside };
  }
  return best.start;
}

/** Symbols of numbers by their leads, except that zeros still look like others. */
function symbolsOfLeads(leads: Uint16Array, windowStart: number): Uint8Array {
  const symbols = new Uint8Array(leads.length);
  for (let i = 0; i < leads.length; i++) {
    const at = (leads[i] ?? 0) - windowStart;
    symbols[i] = at >= 0 && at < WINDOW ? at + FIRST_LEAD : ESCAPE;
  }
  return symbols;
}

function leadsOf(numbers: Uint32Array, rest: number, tailBits: number): Uint16Array {
  const leads = new Uint16Array(numbers.length);
  for (let i = 0; i < leads.length; i++) leads[i] = ((numbers[i] ?? 0) & rest) >>> tailBits;
  return leads;
}

function splitNarrow(numbers: Uint32Array, layout: LeadLayout): Parts {
  const { tailBits, signBit } = layout;
  const rest = signBit - 1;
  const leads = leadsOf(numbers, rest, tailBits);
  const windowStart = chooseWindow(countLeads(leads));
  const symbols = symbolsOfLeads(leads, windowStart);
  const signToTail = layout.lane.bits - 1 - tailBits;
  const tailMask = (1 << tailBits) - 1;
  const fields = new Uint32Array(numbers.length);
  for (let i = 0; i < numbers.length; i++) {
    const u = numbers[i] ?? 0;
    if (u === 0) symbols[i] = ZERO;
    fields[i] = symbols[i] === ESCAPE ? u : ((u & signBit) >>> signToTail) | (u & tailMask);
  }
  return { windowStart, symbols, tails: packBits(fields, symbols, tailLengths(layout)) };
}

function joinNarrow({ windowStart, symbols, tails }: Parts, layout: LeadLayout): Uint32Array<ArrayBuffer> {
  const { tailBits } = layout;
  const signToTail = layout.lane.bits - 1 - tailBits;
  const tailMask = (1 << tailBits) - 1;
  const fields = unpackBits(tails, symbols, tailLengths(layout));
  const numbers = new Uint32Array(symbols.length);
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    const field = fields[i] ?? 0;
    const lead = symbol - FIRST_LEAD + windowStart;
    if (symbol >= FIRST_LEAD) {
      numbers[i] = ((field & ~tailMask) << signToTail) | (lead << tailBits) | (field & tailMask);
    } else if (symbol === ESCAPE) numbers[i] = field;
  }
  return numbers;
}

/** As {@link splitNarrow}; the lead and the sign lie in the high half. */
function splitWide({ high, low }: WideNumbers, layout: LeadLayout): Parts {
  const { lane, tailBits, signBit } = layout;
  const highTail = tailBits - 32;
  const leads = leadsOf(high, signBit - 1, highTail);
  const windowStart = chooseWindow(countLeads(leads));
  const symbols = symbolsOfLeads(leads, windowStart);
  const packer = new WidePacker(symbols.length * 8);
  for (let i = 0; i < symbols.length; i++) {
    const h = high[i] ?? 0;
    const l = low[i] ?? 0;
    if ((h | l) === 0) symbols[i] = ZERO;
    if (symbols[i] === ZERO) continue;
    packer.write(l, 32);
    const sign = (h & signBit) !== 0 ? 1 : 0;
    if (symbols[i] === ESCAPE) packer.write(h, lane.bits - 32);
    else packer.write((h & ((1 << highTail) - 1)) | (sign << highTail), highTail + 1);
  }
  return { windowStart, symbols, tails: packer.bytes.slice(0, packer.byteLength) };
}

function joinWide({ windowStart, symbols, tails }: Parts, layout: LeadLayout): WideNumbers {
  const { signBit, tailBits } = layout;
  const highTail = tailBits - 32;
  const lengths = tailLengths(layout);
  const high = new Uint32Array(symbols.length);
  const low = new Uint32Array(symbols.length);
  let position = 0;
  for (let i = 0; i < symbols.length; i++) {
    const symbol = symbols[i] ?? 0;
    const bits = lengths[symbol] ?? 0;
    if (symbol === ZERO) continue;
    low[i] = readWideBits(tails, position, 32);
    const field = readWideBits(tails, position + 32, bits - 32);
    position += bits;
    const sign = (field >>> highTail) & 1 ? signBit : 0;
    const lead = (symbol - FIRST_LEAD + windowStart) << highTail;
    high[i] = symbol === ESCAPE ? field : sign | lead | (field & ((1 << highTail) - 1));
  }
  return { high, low };
}

function splitNumbers(plain: Uint8Array, type: BlockType, shift: number): Parts {
  const layout = leadLayout(type, shift);
  const width = numberWidth(type);
  if (width === 8) {
    const numbers = readWide(plain);
    shiftWideDown(numbers, shift);
    return splitWide(numbers, layout);
  }
  const numbers = widenNumbers(plain, width);
  shiftDown(numbers, shift);
  return splitNarrow(numbers, layout);
}

/** Splits floats without a base, by the module's loops or by plain ones. */
export function splitFloats(plain: Uint8Array, type: BlockType, shift = findShift(type, plain)): SplitFloats {
  const view = { width: numberWidth(type), shift, layout: leadLayout(type, shift), chooseWindow };
  return splitFloatsFast(plain, view) ?? splitPlainly(plain, type, shift);
}

function splitPlainly(plain: Uint8Array, type: BlockType, shift: number): SplitFloats {
  const { windowStart, symbols, tails } = splitNumbers(plain, type, shift);
  const contexts = new Uint8Array(symbols.length);
  return {
    windowStart,
    counts: countSymbols(symbols, contexts, 1),
    tails,
    encode: (frequencies) => encodeSymbols(symbols, contexts, frequencies),
  };
}

/** Codes floats without a base. */
export function encodeFloats(plain: Uint8Array, type: BlockType): Uint8Array {
  const shift = findShift(type, plain);
  const { windowStart, counts, tails, encode } = splitFloats(plain, type, shift);
  const writer = new PayloadWriter();
  writer.byte(shift);
  writer.varint(windowStart);
  const coded = encode(writeTables(writer, counts));
  writer.varint(coded.length);
  writer.bytes(coded);
  writer.bytes(tails);
  return writer.finish();
}

/** Decodes what {@link encodeFloats} made. */
export function decodeFloats(payload: Uint8Array, byteLength: number, { type }: BlockContext): Uint8Array {
  const width = numberWidth(type);
  check(byteLength % width === 0, 'the block is no whole number of elements');
  const reader = new PayloadReader(payload);
  const shift = readShift(reader, type);
  const layout = leadLayout(type, shift);
  check(layout.lane.exponentBits > 0, 'its elements are no floats');
  const windowStart = reader.varint(4095);
  const frequencies = readTables(reader, 1);
  const coded = reader.bytes(reader.varint(payload.length));
  const fast = { windowStart, coded, frequencies, tails: reader.unread };
  const joined = joinFloatsFast(fast, byteLength, { width, shift, layout });
  if (joined !== undefined) return joined;
  const symbols = decodeSymbols(coded, new Uint8Array(byteLength / width), frequencies);
  const parts = { windowStart, symbols, tails: readLowBits(reader, symbols, tailLengths(layout)) };
  if (width === 8) {
    const numbers = joinWide(parts, layout);
    shiftWideUp(numbers, shift);
    return writeWide(numbers);
  }
  const numbers = joinNarrow(parts, layout);
  shiftUp(numbers, shift);
  return narrowNumbers(numbers, width);
}

/** Codes each byte as a symbol: for 8-bit types, whose values are few. */
export function encodeBytes(plain: Uint8Array): Uint8Array {
  const contexts = new Uint8Array(plain.length);
  const writer = new PayloadWriter();
  const frequencies = writeTables(writer, countSymbols(plain, contexts, 1));
  writer.bytes(encodeSymbols(plain, contexts, frequencies));
  return writer.finish();
}

/** Decodes what {@link encodeBytes} made. */
export function decodeBytes(payload: Uint8Array, byteLength: number): Uint8Array {
  const reader = new PayloadReader(payload);
  const frequencies = readTables(reader, 1);
  return decodeSymbols(reader.rest(), new Uint8Array(byteLength), frequencies);
}
