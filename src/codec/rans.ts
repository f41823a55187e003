import { TABLE_BITS, TABLE_SLOTS, TABLE_SYMBOLS } from './frequency-table.ts';
import { check } from './payload.ts';

/**
 * Asymmetric numeral systems with range tables (rANS; Duda, arXiv 1311.2540): two interleaved states of 31 bits, renormalised by
 * 16-bit words. State `i & 1` codes symbol `i`.
 */
const LOWEST_STATE = 1 << 15;
const STATE_BYTES = 8;
const SLOT_MASK = TABLE_SLOTS - 1;

/** Frequencies of one or more tables, 256 symbols each. */
export type Frequencies = Uint16Array;

interface EncodingTables {
  readonly frequency: Uint16Array;
  readonly start: Uint16Array;
  readonly inverse: Float64Array;
}

function buildEncodingTables(frequency: Frequencies): EncodingTables {
  const start = new Uint16Array(frequency.length);
  const inverse = new Float64Array(frequency.length);
  let slot = 0;
  for (let i = 0; i < frequency.length; i++) {
    if (i % TABLE_SYMBOLS === 0) slot = 0;
    start[i] = slot;
    slot += frequency[i] ?? 0;
    inverse[i] = 1 / (frequency[i] ?? 1);
  }
  return { frequency, start, inverse };
}

/**
 * Codes symbols, each by the table that its context names.
 *
 * @param contexts table of each symbol; every symbol must have a frequency there.
 */
export function encodeSymbols(symbols: Uint8Array, contexts: Uint8Array, frequencies: Frequencies): Uint8Array {
  const { frequency, start, inverse } = buildEncodingTables(frequencies);
  const words = new Uint16Array(symbols.length + STATE_BYTES / 2);
  let position = words.length;
  let state = LOWEST_STATE;
  let other = LOWEST_STATE;
  for (let i = symbols.length - 1; i >= 0; i--) {
    const row = ((contexts[i] ?? 0) << 8) | (symbols[i] ?? 0);
    const f = frequency[row] ?? 0;
    let x = state;
    if (x >>> 19 >= f) {
      words[--position] = x;
      x >>>= 16;
    }
    // Half a unit keeps the rounded reciprocal on the right side of every integer, so this is exact.
    const quotient = ((x + 0.5) * (inverse[row] ?? 0)) | 0;
    x = (quotient << TABLE_BITS) + (x - Math.imul(quotient, f)) + (start[row] ?? 0);
    state = other;
    other = x;
  }
  // The last symbol coded was number 0, by the state that is now `other`.
  for (const last of [state, other]) {
    words[--position] = last >>> 16;
    words[--position] = last;
  }
  return new Uint8Array(words.buffer, position * 2, (words.length - position) * 2);
}

/** For each slot of each table its symbol (8 bits), frequency less one (12) and place among its symbol's slots (12). */
function buildDecodingTable(frequencies: Frequencies): Uint32Array {
  const table = new Uint32Array((frequencies.length / TABLE_SYMBOLS) * TABLE_SLOTS);
  let slot = 0;
  for (let i = 0; i < frequencies.length; i++) {
    if (i % TABLE_SYMBOLS === 0) slot = (i / TABLE_SYMBOLS) * TABLE_SLOTS;
    const frequency = frequencies[i] ?? 0;
    const common = (i % TABLE_SYMBOLS) | ((frequency - 1) << 8);
    for (let k = 0; k < frequency; k++) table[slot++] = common | (k << 20);
  }
  return table;
}

/**
 * Decodes as many symbols as there are contexts.
 *
 * @param frequencies tables, each of which adds up to 2^12.
 * @throws CorruptError when the coder does not end as it began, which is how nearly all damage shows.
 */
export function decodeSymbols(coded: Uint8Array, contexts: Uint8Array, frequencies: Frequencies): Uint8Array {
  check(coded.length >= STATE_BYTES && coded.length % 2 === 0, 'the coded symbols have an impossible length');
  const words = new Uint16Array(new Uint8Array(coded).buffer);
  const table = buildDecodingTable(frequencies);
  const symbols = new Uint8Array(contexts.length);
  let state = (words[0] ?? 0) | ((words[1] ?? 0) << 16);
  let other = (words[2] ?? 0) | ((words[3] ?? 0) << 16);
  check(state >= LOWEST_STATE && other >= LOWEST_STATE, 'the coder has an impossible state');
  let position = STATE_BYTES / 2;
  for (let i = 0; i < symbols.length; i++) {
    const entry = table[((contexts[i] ?? 0) << TABLE_BITS) | (state & SLOT_MASK)] ?? 0;
    symbols[i] = entry;
    let x = Math.imul(((entry >>> 8) & SLOT_MASK) + 1, state >>> TABLE_BITS) + (entry >>> 20);
    if (x < LOWEST_STATE) x = (x << 16) | (words[position++] ?? 0);
    state = other;
    other = x;
  }
  check(position === words.length, 'the coded symbols have another length');
  check(state === LOWEST_STATE && other === LOWEST_STATE, 'the coder does not end as it began');
  return symbols;
}
