import type { WasmModule } from '../../bytes/wasm-module.ts';
import { type LeadLayout, tailLengths } from '../leads.ts';
import type { Frequencies } from '../rans.ts';
import { checkLowBits } from './dense-kernels.ts';
import { isKernelSized, Layout, openKernels } from './layout.ts';
import { decodePlaced, encodePlaced } from './symbols.ts';

/** Floats without a base, ready to be coded. To be used before the next block is split. */
export interface SplitFloats {
  readonly windowStart: number;
  /** How often each of the 256 symbols occurs. */
  readonly counts: Uint32Array;
  readonly tails: Uint8Array;
  encode(frequencies: Frequencies): Uint8Array;
}

/** Leads are of at most 12 bits: exponent and a bit. */
const LEADS = 4096;

function kernelsFor(width: number, byteLength: number): WasmModule | undefined {
  return width < 8 && isKernelSized(byteLength / width) ? openKernels() : undefined;
}

/** What floats are split by. */
export interface FloatView {
  /** Bytes of a number. */
  readonly width: number;
  readonly shift: number;
  readonly layout: LeadLayout;
  /** Finds where the window begins, from how often each lead occurs. */
  readonly chooseWindow: (counts: Uint32Array) => number;
}

/** Splits floats into symbols and tails; `undefined` where the module does not run. */
export function splitFloatsFast(plain: Uint8Array, view: FloatView): SplitFloats | undefined {
  const { width, shift, layout } = view;
  const module = kernelsFor(width, plain.length);
  if (module === undefined) return undefined;
  const { bits } = layout.lane;
  const memory = new Layout(module);
  const count = plain.length / width;
  const symbols = memory.take(count);
  const classes = memory.zeros(count);
  const map = memory.zeros(256);
  const block = memory.put(plain);
  const leads = memory.zeros(LEADS * 4);
  const counts = memory.zeros(256 * 4);
  const tails = memory.take(count * 4 + 8);
  const rest = 2 ** (bits - 1) - 1;
  module.call('countLeads', width, block, count, shift, rest, layout.tailBits, leads);
  const windowStart = view.chooseWindow(memory.words(leads, LEADS));
  const parameters = [width, block, count, shift, bits, layout.tailBits, windowStart, symbols, counts, tails];
  const tailLength = module.call('splitFloats', ...parameters);
  return {
    windowStart,
    counts: memory.words(counts, 256).slice(),
    tails: memory.bytes(tails, tailLength).slice(),
    encode: (frequencies) => encodePlaced(module, memory, { count, symbols, classes, map }, frequencies),
  };
}

/** Floats as a payload holds them. */
export interface CodedFloats {
  readonly windowStart: number;
  readonly coded: Uint8Array;
  readonly frequencies: Frequencies;
  readonly tails: Uint8Array;
}

/** The reverse of {@link splitFloatsFast}. @throws CorruptError */
export function joinFloatsFast(
  floats: CodedFloats,
  byteLength: number,
  { width, shift, layout }: Omit<FloatView, 'chooseWindow'>,
): Uint8Array | undefined {
  const module = kernelsFor(width, byteLength);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const count = byteLength / width;
  const symbols = memory.take(count);
  const classes = memory.zeros(count);
  const map = memory.zeros(256);
  decodePlaced(module, memory, { count, symbols, classes, map }, floats.coded, floats.frequencies);
  const counts = memory.zeros(256 * 4);
  module.call('countSymbols', symbols, classes, count, counts);
  const lengths = tailLengths(layout);
  const bits = memory.words(counts, 256).reduce((sum, n, symbol) => sum + n * (lengths[symbol] ?? 0), 0);
  checkLowBits(floats.tails, bits);
  const tails = memory.put(floats.tails);
  const out = memory.take(byteLength);
  const { lane, tailBits } = layout;
  module.call('joinFloats', width, out, count, shift, lane.bits, tailBits, floats.windowStart, symbols, tails);
  return memory.bytes(out, byteLength).slice();
}
