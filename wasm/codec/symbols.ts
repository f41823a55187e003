// The entropy coder: rANS with two states.

const SYMBOLS: u32 = 256;
const SLOT_BITS: u32 = 12;
const SLOT_MASK: u32 = 4095;
const LOWEST_STATE: u32 = 1 << 15;

/** Counts symbols by table. `counts`: 256 a table, zero before. */
export function countSymbols(symbols: usize, contexts: usize, count: u32, counts: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    const row = counts + (<usize>((<u32>load<u8>(contexts + i) << 8) | <u32>load<u8>(symbols + i)) << 2);
    store<u32>(row, load<u32>(row) + 1);
  }
}

/**
 * What coding a symbol needs, 16 bytes each: frequency, start, reciprocal and shift for an exact division (Granlund and Montgomery, 1994),
 * of `tables` x 256 frequencies (u16).
 */
export function buildEncodingTables(frequencies: usize, tables: u32, out: usize): void {
  for (let table: u32 = 0; table < tables; table++) {
    let start: u32 = 0;
    for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
      const row = (table << 8) | symbol;
      const frequency: u32 = load<u16>(frequencies + (<usize>row << 1));
      const to = out + (<usize>row << 4);
      if (frequency < 2) {
        // The quotient by 1 comes out one too small; the start makes up for it.
        store<u32>(to, 0xffffffff, 8);
        store<u32>(to, start + SLOT_MASK, 4);
        store<u32>(to, 32, 12);
      } else {
        const shift: u32 = 32 - clz(frequency - 1);
        store<u32>(to, <u32>(((<u64>1 << (shift + 31)) + frequency - 1) / frequency), 8);
        store<u32>(to, start, 4);
        store<u32>(to, 31 + shift, 12);
      }
      store<u32>(to, frequency);
      start += frequency;
    }
  }
}

/**
 * Codes symbols from the last to the first; `map` names the table of each class. Words are written downwards from `end`.
 * Returns the address of the first byte.
 */
export function encodeSymbols(symbols: usize, classes: usize, map: usize, count: u32, tables: usize, end: usize): usize {
  let to = end;
  let state: u32 = LOWEST_STATE;
  let other: u32 = LOWEST_STATE;
  for (let i: i32 = <i32>count - 1; i >= 0; i--) {
    const table: u32 = load<u8>(map + load<u8>(classes + i));
    const row = tables + (<usize>((table << 8) | <u32>load<u8>(symbols + i)) << 4);
    const frequency = load<u32>(row);
    let x = state;
    if (x >>> 19 >= frequency) {
      to -= 2;
      store<u16>(to, <u16>x);
      x >>>= 16;
    }
    const quotient = <u32>((<u64>x * <u64>load<u32>(row, 8)) >> <u64>load<u32>(row, 12));
    x = x + load<u32>(row, 4) + quotient * (4096 - frequency);
    state = other;
    other = x;
  }
  to -= 8;
  store<u16>(to, <u16>other);
  store<u16>(to, <u16>(other >>> 16), 2);
  store<u16>(to, <u16>state, 4);
  store<u16>(to, <u16>(state >>> 16), 6);
  return to;
}

/** For each slot of each table its symbol (8 bits), frequency less one (12) and place among its symbol's slots (12). `out` is zero before. */
export function buildDecodingTable(frequencies: usize, tables: u32, out: usize): void {
  for (let table: u32 = 0; table < tables; table++) {
    let to = out + (<usize>table << (SLOT_BITS + 2));
    for (let symbol: u32 = 0; symbol < SYMBOLS; symbol++) {
      const frequency: u32 = load<u16>(frequencies + (<usize>((table << 8) | symbol) << 1));
      const common = symbol | ((frequency - 1) << 8);
      for (let k: u32 = 0; k < frequency; k++) {
        store<u32>(to, common | (k << 20));
        to += 4;
      }
    }
  }
}

/** Decodes `count` symbols; at most 2 x count + 8 bytes are read. Returns the bytes read, or 0 when the states do not begin or end as they must. */
export function decodeSymbols(coded: usize, classes: usize, map: usize, count: u32, table: usize, symbols: usize): usize {
  let state = load<u32>(coded);
  let other = load<u32>(coded, 4);
  if (<i32>state < <i32>LOWEST_STATE || <i32>other < <i32>LOWEST_STATE) return 0;
  let from = coded + 8;
  for (let i: u32 = 0; i < count; i++) {
    const context: u32 = load<u8>(map + load<u8>(classes + i));
    const entry = load<u32>(table + (<usize>((context << SLOT_BITS) | (state & SLOT_MASK)) << 2));
    store<u8>(symbols + i, <u8>entry);
    let x = (((entry >>> 8) & SLOT_MASK) + 1) * (state >>> SLOT_BITS) + (entry >>> 20);
    const isLow = x < LOWEST_STATE;
    const refilled = (x << 16) | <u32>load<u16>(from);
    x = isLow ? refilled : x;
    from += isLow ? 2 : 0;
    state = other;
    other = x;
  }
  return state === LOWEST_STATE && other === LOWEST_STATE ? from - coded : 0;
}
