import type { WasmModule } from '../../bytes/wasm-module.ts';
import type { BlockType } from '../codec.ts';
import { check } from '../payload.ts';
import { kernelsFor, viewOf } from './dense-kernels.ts';
import { Layout } from './layout.ts';

/** What is known of each number before it is coded. */
export interface Known {
  /** The bytes of the numbers that differences are from, of the block's type. */
  readonly reference: Uint8Array;
  /** What else hints at a change: a length of at most 7, twice, plus one for the downward direction. */
  readonly steps: Uint8Array;
}

/** Bytes that decisions may take a number, on average; more is left to the plain loops. */
const ROOM = 8;

/** How the module's functions take a type's numbers, unshifted. */
function parametersOf(type: BlockType) {
  const { width, order, mask, classShift, classMask } = viewOf({ type, shift: 0 });
  const [, ...ordering] = order;
  return { width, ordering, mask, classes: [classShift, classMask] as const };
}

const placeModel = (module: WasmModule, memory: Layout): number => memory.take(module.call('modelByteLength'));

/** As `encodeChanges` of adaptive.ts; `undefined` where the module does not run. */
export function encodeChangesFast(plain: Uint8Array, type: BlockType, known: Known): Uint8Array | undefined {
  const module = kernelsFor(type, plain.length);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const { width, ordering, classes } = parametersOf(type);
  const count = plain.length / width;
  const [block, numbers] = [memory.put(plain), memory.put(known.reference)];
  const steps = memory.put(known.steps);
  const model = placeModel(module, memory);
  const room = count * ROOM;
  const out = memory.take(room);
  const places = [width, block, numbers, count, ...ordering, ...classes, steps, out, room, model];
  const length = module.call('encodeChanges', ...places);
  return length > room ? undefined : memory.bytes(out, length).slice();
}

/** As `decodeChanges` of adaptive.ts; `undefined` where the module does not run. @throws CorruptError */
export function decodeChangesFast(decisions: Uint8Array, type: BlockType, known: Known): Uint8Array | undefined {
  const { length } = known.reference;
  const module = kernelsFor(type, length);
  if (module === undefined) return undefined;
  check(decisions.length >= 4, 'it ends too early');
  const memory = new Layout(module);
  const { width, ordering, mask, classes } = parametersOf(type);
  const numbers = memory.put(known.reference);
  const steps = memory.put(known.steps);
  const coded = memory.put(decisions);
  const model = placeModel(module, memory);
  const places = [width, numbers, length / width, ...ordering, mask, ...classes, steps, coded, decisions.length, model];
  const taken = module.call('decodeChanges', ...places);
  check(taken === decisions.length, 'the coded decisions have another length');
  return memory.bytes(numbers, length).slice();
}

/** As `stepsOf` of adaptive.ts; `undefined` where the module does not run. */
export function findStepsFast(base: Uint8Array, before: Uint8Array, type: BlockType): Uint8Array | undefined {
  const module = kernelsFor(type, base.length);
  if (module === undefined) return undefined;
  const memory = new Layout(module);
  const { width, ordering } = parametersOf(type);
  const count = base.length / width;
  const places = [memory.put(base), memory.put(before)];
  const steps = memory.take(count);
  module.call('findSteps', width, ...places, count, ...ordering, steps);
  return memory.bytes(steps, count).slice();
}
