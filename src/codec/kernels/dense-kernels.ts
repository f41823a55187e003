import type { WasmModule } from '../../bytes/wasm-module.ts';
import type { BlockType } from '../codec.ts';
import { type ClassHistogram, type ContextMap, spreadMap } from '../contexts.ts';
import type { NumberView } from '../differences.ts';
import type { History } from '../history.ts';
import { laneOf, shortenLane } from '../lanes.ts';
import { laneMask } from '../ordered.ts';
import { check } from '../payload.ts';
import type { Frequencies } from '../rans.ts';
import { isKernelSized, Layout, openKernels } from './layout.ts';
import { decodePlaced, encodePlaced } from './symbols.ts';

/** A block's differences from its reference, ready to be coded. To be used before the next block is split. */
export interface SplitBlock {
  readonly count: number;
  readonly histogram: ClassHistogram;
  readonly lowBits: Uint8Array;
  /** Codes the symbols by the tables of a map. */
  encode(map: ContextMap, frequencies: Frequencies): Uint8Array;
}

const CLASSES = 256;

/** How numbers of at most 32 bits become ordered integers and classes, as the module's functions take it. */
function viewOf({ type, shift }: NumberView) {
  const whole = laneOf(type);
  const lane = shortenLane(whole, shift);
  const isFloat = lane.exponentBits > 0;
  return {
    width: whole.bits >> 3,
    order: [shift, 32 - lane.bits, isFloat ? laneMask(lane) : 0, lane.signed ? 1 << (lane.bits - 1) : 0] as const,
    mask: laneMask(lane),
    classShift: isFloat ? whole.mantissaBits : 0,
    classMask: isFloat ? (1 << whole.exponentBits) - 1 : 0,
  };
}

/** The module, when it can take a block of that type and length. */
function kernelsFor(type: BlockType, byteLength: number): WasmModule | undefined {
  const { bits } = laneOf(type);
  return bits <= 32 && isKernelSized(byteLength / (bits >> 3)) ? openKernels() : undefined;
}

/** Counts of the classes that occur: rows from the first to the last. */
function trimHistogram(counts: Uint32Array): ClassHistogram {
  let first = 0;
  while (first < CLASSES - 1 && isEmpty(counts, first)) first++;
  let last = CLASSES - 1;
  while (last > first && isEmpty(counts, last)) last--;
  return { first, counts: counts.slice(first * 256, (last + 1) * 256) };
}

function isEmpty(counts: Uint32Array, row: number): boolean {
  for (let i = row * 256; i < (row + 1) * 256; i++) if (counts[i] !== 0) return false;
  return true;
}

/** Where what {@link placeContexts} finds is to lie, and where what it looks at lies. */
interface ContextPlaces {
  readonly reference: number;
  readonly contexts: number;
  readonly signs: number;
}

/** Finds contexts and signs as `findContexts` of history.ts. */
function placeContexts(
  module: WasmModule,
  memory: Layout,
  { reference, contexts, signs }: ContextPlaces,
  view: NumberView,
  { base, before, first, origin }: History,
): void {
  const { width, order, classShift, classMask } = viewOf({ type: view.type, shift: 0 });
  const places = [memory.put(base), memory.put(before)];
  const [, ...ordering] = order;
  const count = base.length / width;
  const parameters = [...places, count, ...ordering, classShift, classMask, first, origin, contexts, signs];
  module.call('findContexts', width, reference, ...parameters);
}

/**
 * Splits differences as `splitBlocks`, `classesOfBlock` and `countByClass` do together, with contexts of a history in place of
 * classes where there is one; `undefined` where the module does not run.
 */
export function splitFast(
  plain: Uint8Array,
  reference: Uint8Array,
  view: NumberView,
  history?: History,
): SplitBlock | undefined {
  const module = kernelsFor(view.type, plain.length);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const { width, order, classShift, classMask } = viewOf(view);
  const count = plain.length / width;
  const symbols = memory.take(count);
  const classes = memory.take(count);
  const map = memory.zeros(CLASSES);
  const mark = memory.put(plain);
  const base = memory.put(reference);
  const counts = memory.zeros(CLASSES * 256 * 4);
  const low = memory.take(count * 4 + 8);
  const parameters = [width, mark, base, count, ...order, classShift, classMask, symbols, classes, counts, low];
  const lowLength = module.call('splitDifferences', ...parameters);
  if (history !== undefined) {
    const signs = memory.take(count);
    placeContexts(module, memory, { reference: base, contexts: classes, signs }, view, history);
    module.call('turnSigns', symbols, signs, count);
    memory.words(counts, CLASSES * 256).fill(0);
    module.call('countSymbols', symbols, classes, count, counts);
  }
  return {
    count,
    histogram: trimHistogram(memory.words(counts, CLASSES * 256)),
    lowBits: memory.bytes(low, lowLength).slice(),
    encode(contextMap, frequencies) {
      memory.bytes(map, CLASSES).set(spreadMap(contextMap));
      return encodePlaced(module, memory, { count, symbols, classes, map }, frequencies);
    },
  };
}

/** What {@link joinFast} takes: a coded block, taken apart. */
export interface CodedBlock {
  readonly coded: Uint8Array;
  readonly map: ContextMap;
  readonly frequencies: Frequencies;
  readonly lowBits: Uint8Array;
}

/**
 * Decodes differences and adds them to a reference; `undefined` where the module does not run or a symbol is one of wider numbers.
 *
 * @throws CorruptError
 */
export function joinFast(
  block: CodedBlock,
  reference: Uint8Array,
  view: NumberView,
  history?: History,
): Uint8Array | undefined {
  const module = kernelsFor(view.type, reference.length);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const { width, order, mask, classShift, classMask } = viewOf(view);
  const count = reference.length / width;
  const symbols = memory.take(count);
  const classes = memory.take(count);
  const map = memory.put(spreadMap(block.map));
  const base = memory.put(reference);
  const signs = history === undefined ? 0 : memory.take(count);
  if (history === undefined) module.call('classesOf', base, count, width, classShift, classMask, classes);
  else placeContexts(module, memory, { reference: base, contexts: classes, signs }, view, history);
  decodePlaced(module, memory, { count, symbols, classes, map }, block.coded, block.frequencies);
  if (history !== undefined) module.call('turnSigns', symbols, signs, count);
  const bits = module.call('countLowBits', symbols, count);
  if (bits < 0) return undefined;
  checkLowBits(block.lowBits, bits);
  const low = memory.put(block.lowBits);
  module.call('joinDifferences', width, base, count, ...order, mask, symbols, low, base);
  return memory.bytes(base, reference.length).slice();
}

/** Refuses low bits of another number, and set bits after the last. @throws CorruptError */
export function checkLowBits(lowBits: Uint8Array, bits: number): void {
  check(lowBits.length === (bits + 7) >>> 3, 'the low bits have another length');
  check(bits % 8 === 0 || (lowBits[lowBits.length - 1] ?? 0) >>> (bits % 8) === 0, 'bits are set where none belong');
}
