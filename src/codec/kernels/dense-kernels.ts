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
export function viewOf({ type, shift }: NumberView) {
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
export function kernelsFor(type: BlockType, byteLength: number): WasmModule | undefined {
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
  /** The base and its base, where they are in memory already. */
  readonly last?: readonly [base: number, before: number];
}

/** Finds contexts and signs as `findContexts` of history.ts. */
function placeContexts(
  module: WasmModule,
  memory: Layout,
  { reference, contexts, signs, last }: ContextPlaces,
  view: NumberView,
  { base, before, first, origin }: History,
): void {
  const { width, order, classShift, classMask } = viewOf({ type: view.type, shift: 0 });
  const places = last ?? [memory.put(base), memory.put(before)];
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

/** What differences are added to: bytes, or a base that is moved on by a share of its last step (see {@link isMovable}). */
export type Added = Uint8Array | MovedBase;

/** A base, and how it is moved on. */
export interface MovedBase {
  readonly base: Uint8Array;
  readonly before: Uint8Array;
  readonly momentum: number;
}

const PREDICTORS: ReadonlyMap<BlockType, string> = new Map([
  ['f32', 'predictFloat32'],
  ['bf16', 'predictBfloat16'],
  ['f16', 'predictFloat16'],
]);

/** True for the types whose numbers the module moves on. */
export function isMovable(type: BlockType): boolean {
  return PREDICTORS.has(type);
}

/** Puts a base there and moves it on. */
function placeMoved(module: WasmModule, memory: Layout, added: MovedBase, before: number, type: BlockType): number {
  const at = memory.put(added.base);
  module.call(PREDICTORS.get(type) ?? '', at, before, added.base.length / (laneOf(type).bits >> 3), added.momentum);
  return at;
}

/** Moves a base on as `predictBlock` of reference.ts does; `undefined` where the module does not. */
export function predictFast(added: MovedBase, type: BlockType): Uint8Array | undefined {
  const module = isMovable(type) ? kernelsFor(type, added.base.length) : undefined;
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const at = placeMoved(module, memory, added, memory.put(added.before), type);
  return memory.bytes(at, added.base.length).slice();
}

/**
 * Decodes differences and adds them to a reference; `undefined` where the module does not run or a symbol is one of wider numbers.
 *
 * @throws CorruptError
 */
export function joinFast(block: CodedBlock, added: Added, view: NumberView, history?: History): Uint8Array | undefined {
  const { length } = added instanceof Uint8Array ? added : added.base;
  const module = kernelsFor(view.type, length);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const { width, order, mask, classShift, classMask } = viewOf(view);
  const count = length / width;
  const symbols = memory.take(count);
  const classes = memory.take(count);
  const map = memory.put(spreadMap(block.map));
  const signs = history === undefined ? 0 : memory.take(count);
  const reference = placeReference(module, memory, added, view, history, { contexts: classes, signs });
  if (history === undefined) module.call('classesOf', reference, count, width, classShift, classMask, classes);
  decodePlaced(module, memory, { count, symbols, classes, map }, block.coded, block.frequencies);
  if (history !== undefined) module.call('turnSigns', symbols, signs, count);
  const bits = module.call('countLowBits', symbols, count);
  if (bits < 0) return undefined;
  checkLowBits(block.lowBits, bits);
  const low = memory.put(block.lowBits);
  const table = memory.take(256 * 16);
  module.call('joinDifferences', width, reference, count, ...order, mask, symbols, low, table, reference);
  return memory.bytes(reference, length).slice();
}

/** Puts what differences are added to into memory; with a history finds contexts too. Its address. */
function placeReference(
  module: WasmModule,
  memory: Layout,
  added: Added,
  view: NumberView,
  history: History | undefined,
  places: Omit<ContextPlaces, 'reference' | 'last'>,
): number {
  const isMoved = !(added instanceof Uint8Array);
  const last = isMoved ? added.before : history?.before;
  const before = last === undefined ? 0 : memory.put(last);
  const reference = isMoved ? placeMoved(module, memory, added, before, view.type) : memory.put(added);
  if (history === undefined) return reference;
  const base = added === history.base ? reference : memory.put(history.base);
  placeContexts(module, memory, { reference, ...places, last: [base, before] }, view, history);
  return reference;
}

/** Refuses low bits of another number, and set bits after the last. @throws CorruptError */
export function checkLowBits(lowBits: Uint8Array, bits: number): void {
  check(lowBits.length === (bits + 7) >>> 3, 'the low bits have another length');
  check(bits % 8 === 0 || (lowBits[lowBits.length - 1] ?? 0) >>> (bits % 8) === 0, 'bits are set where none belong');
}
