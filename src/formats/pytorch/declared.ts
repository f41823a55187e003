import { collectBytes } from '../../bytes/collect.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import { elementCount } from '../../tensors/dtype.ts';
import { toDeclared } from '../declared.ts';
import type { Declared } from '../format.ts';
import { asItems, asText, asTextMap, type PickleValue } from '../pickle/index.ts';
import type { UnreadTensor } from './rebuild.ts';
import { type StoredTensor, streamTensor, visibleDtype } from './stored-tensor.ts';

/** What checkpoints say about their place in a run; of inner dicts only these are taken, the rest is configuration. */
const PROGRESS =
  /^(\w+_)?(epochs?|steps?|iters?|iterations?|n_iter|seed|time|timestamp|date|version|loss|acc|accuracy|score|num_updates)$/i;
const OPTIMIZER = /optim|^opt$/i;

type FindTensor = (value: PickleValue) => Promise<StoredTensor | UnreadTensor | undefined>;

/** Reads what a checkpoint says about itself: scalars of its outermost dict, progress in the dicts within, the optimizer's step. */
export async function readDeclared(root: PickleValue, findTensor: FindTensor): Promise<Declared> {
  const top = asTextMap(root) ?? new Map<string, PickleValue>();
  const scalars: [string, unknown][] = [...top].map(([key, value]) => [key, scalar(value)]);
  for (const [key, value] of top) {
    if (OPTIMIZER.test(key)) continue;
    for (const [inner, member] of asTextMap(value) ?? []) {
      if (PROGRESS.test(inner)) scalars.push([`${key}.${inner}`, scalar(member)]);
    }
  }
  const step = await readOptimizerStep(top, findTensor);
  return toDeclared(step === undefined ? scalars : [...scalars, ['optimizer_step', step]]);
}

function scalar(value: PickleValue): unknown {
  if (value instanceof Uint8Array) return asText(value);
  return typeof value === 'number' || typeof value === 'string' ? value : undefined;
}

/** `{state: {0: {step: ...}}}`: the step of the first parameter that has one. */
async function readOptimizerStep(
  top: ReadonlyMap<string, PickleValue>,
  findTensor: FindTensor,
): Promise<number | undefined> {
  for (const [key, value] of top) {
    if (!OPTIMIZER.test(key)) continue;
    const optimizer = asTextMap(value) ?? asTextMap(asItems(value)?.[0]);
    const [first] = asTextMap(optimizer?.get('state'))?.values() ?? [];
    const step = asTextMap(first)?.get('step');
    if (step !== undefined) return typeof step === 'number' ? step : readScalar(await findTensor(step));
  }
  return undefined;
}

async function readScalar(tensor: StoredTensor | UnreadTensor | undefined): Promise<number | undefined> {
  if (tensor === undefined || 'unread' in tensor || elementCount(tensor.layout.shape) !== 1) return undefined;
  const [value] = decodeToFloat32(visibleDtype(tensor), await collectBytes(streamTensor(tensor)));
  return value;
}
