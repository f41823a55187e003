import { elementCount, isFloat } from '../tensors/dtype.ts';
import type { Member } from './model.ts';

/** Names under which files state how far their training was, the finest first. Compared without case and separators. */
const PROGRESS_KEYS = [
  'globalstep',
  'numtimesteps',
  'totaltimesteps',
  'trainingstep',
  'trainingsteps',
  'steps',
  'step',
  'iterations',
  'iteration',
  'iter',
  'numbatchestracked',
  'epoch',
  'epochs',
];

function normalizeKey(key: string): string {
  const last = key.slice(Math.max(key.lastIndexOf('.'), key.lastIndexOf('/')) + 1);
  return last.toLowerCase().replaceAll(/[^a-z]/g, '');
}

function readProgress(member: Member, name: string): number | undefined {
  for (const [key, value] of Object.entries(member.summary.declared)) {
    if (typeof value === 'number' && normalizeKey(key) === name) return value;
  }
  return readCounter(member, name);
}

/** Counters stand among the tensors too: the batches that a batch norm has seen, the steps of an optimizer. */
function readCounter({ summary }: Member, name: string): number | undefined {
  const counter = summary.tensors.find(
    (tensor) => !isFloat(tensor.dtype) && elementCount(tensor.shape) === 1 && normalizeKey(tensor.name) === name,
  );
  return counter?.statistics.mean;
}

/**
 * Reads how far along its training each checkpoint says that it is, by one key that all of them state; undefined when there is
 * none, or when it does not tell them apart. Declared evidence: for ties only, never against the weights.
 */
export function readDeclaredProgress(members: readonly Member[]): Float64Array | undefined {
  for (const name of PROGRESS_KEYS) {
    const values = members.flatMap((member) => readProgress(member, name) ?? []);
    if (values.length < members.length || new Set(values).size < 2) continue;
    return Float64Array.from(values);
  }
  return undefined;
}
