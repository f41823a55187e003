import type { WasmModule } from '../../bytes/wasm-module.ts';
import { TABLE_SLOTS, TABLE_SYMBOLS } from '../frequency-table.ts';
import { check } from '../payload.ts';
import type { Frequencies } from '../rans.ts';
import type { Layout } from './layout.ts';

/** Symbols in the module's memory, and what each one's table is found by. */
export interface PlacedSymbols {
  readonly count: number;
  readonly symbols: number;
  readonly classes: number;
  /** 256 bytes: the table of each class. */
  readonly map: number;
}

const bytesOf = (frequencies: Frequencies): Uint8Array =>
  new Uint8Array(frequencies.buffer, frequencies.byteOffset, frequencies.byteLength);

/** As `encodeSymbols` of rans.ts. */
export function encodePlaced(
  module: WasmModule,
  memory: Layout,
  { count, symbols, classes, map }: PlacedSymbols,
  frequencies: Frequencies,
): Uint8Array {
  const plain = memory.put(bytesOf(frequencies));
  const tables = memory.take(frequencies.length * 16);
  const room = 2 * count + 8;
  const end = memory.take(room) + room;
  module.call('buildEncodingTables', plain, frequencies.length / TABLE_SYMBOLS, tables);
  const start = module.call('encodeSymbols', symbols, classes, map, count, tables, end);
  return memory.bytes(start, end - start).slice();
}

/** As `decodeSymbols` of rans.ts: fills in the symbols. @throws CorruptError */
export function decodePlaced(
  module: WasmModule,
  memory: Layout,
  { count, symbols, classes, map }: PlacedSymbols,
  coded: Uint8Array,
  frequencies: Frequencies,
): void {
  check(coded.length >= 8 && coded.length % 2 === 0, 'the coded symbols have an impossible length');
  // More words than symbols are never read.
  const at = memory.take(Math.max(coded.length, 2 * count + 8));
  memory.bytes(at, coded.length).set(coded);
  const plain = memory.put(bytesOf(frequencies));
  const tables = frequencies.length / TABLE_SYMBOLS;
  const table = memory.zeros(tables * TABLE_SLOTS * 4);
  module.call('buildDecodingTable', plain, tables, table);
  const read = module.call('decodeSymbols', at, classes, map, count, table, symbols);
  check(read === coded.length, 'the coder does not end as it began');
}
