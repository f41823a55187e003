import { collectBytes } from '../../bytes/collect.ts';
import { decodeToFloat32 } from '../../tensors/decode.ts';
import { elementByteLength, elementCount } from '../../tensors/dtype.ts';
import { badFile } from '../bad-file.ts';
import type { FormatName } from '../format.ts';
import { asCount, asItems, asNode, asTextMap, globalOf, type PickleNode, type PickleValue } from '../pickle/index.ts';
import type { Quantizer } from './dequantize.ts';
import { findDtype } from './element-types.ts';
import { findLayoutFault, type Layout } from './layout.ts';
import type { TypedStorage } from './storage.ts';
import { type StoredTensor, streamTensor, visibleDtype } from './stored-tensor.ts';

/** A tensor that wsvc does not read, and why, as a clause. */
export interface UnreadTensor {
  readonly unread: string;
}

/** What a persistent id of the file stands for. */
export type Resolved = TypedStorage | StoredTensor | UnreadTensor;

/** Finds what a storage reference stands for; `undefined` for other ids (a module's source). */
export type StorageResolver = (reference: PickleNode) => Promise<Resolved | undefined>;

/** Functions of PyTorch that make a tensor of the tensor that is their first argument. */
const WRAPPERS = new Set(['_rebuild_parameter', '_rebuild_parameter_with_state', 'Parameter', 'Variable', 'Buffer']);
/** Functions that make a tensor of a storage, with the place of the metadata and of the dtype among their arguments. */
const STRIDED: ReadonlyMap<string, { readonly metadata?: number; readonly dtype?: number }> = new Map([
  ['_rebuild_tensor', {}],
  ['_rebuild_tensor_v2', { metadata: 6 }],
  ['_rebuild_tensor_v3', { metadata: 7, dtype: 6 }],
]);
/** Functions that make tensors in ways that are not read. */
const UNREAD =
  /^(_rebuild_(sparse|nested|meta|wrapper|device|xla|ort|hpu|mtia|masked)\w*|build_tensor_from_id|UninitializedParameter|UninitializedBuffer)$/;
/** Chains of wrappers end sooner; a cycle does not. */
const MAX_WRAPPERS = 16;

/** Reads calls of PyTorch's rebuild functions as tensors. */
export function createTensorFinder(format: FormatName, resolveStorage: StorageResolver) {
  /** `undefined`: the value is no tensor. */
  async function findTensor(value: PickleValue, depth = 0): Promise<StoredTensor | UnreadTensor | undefined> {
    const node = asNode(value);
    if (node === undefined || depth > MAX_WRAPPERS) return undefined;
    if (node.kind === 'persistent') return tensorOnly(await resolveStorage(node));
    if (node.kind !== 'object') return undefined;
    const callee = globalOf(node.callee);
    if (callee === undefined || !/^torch(\.|$)/.test(callee.module)) return undefined;
    const { name } = callee;
    if (WRAPPERS.has(name)) return findTensor(node.args[0] ?? null, depth + 1);
    if (UNREAD.test(name)) return { unread: `${name} makes a tensor that is not plain strided data` };
    if (name === '_rebuild_qtensor') return findQuantized(node.args);
    if (name.startsWith('_rebuild_from_type')) return findTensor(calledBy(node.args), depth + 1);
    const places = STRIDED.get(name);
    return places === undefined ? undefined : findStrided(node.args, places.dtype, places.metadata);
  }

  async function findStrided(
    args: readonly PickleValue[],
    dtypeAt?: number,
    metadataAt?: number,
  ): Promise<StoredTensor | UnreadTensor> {
    const typed = await readStorage(args[0]);
    if ('unread' in typed) return typed;
    if (metadataAt !== undefined && hasLazyBit(args[metadataAt]))
      return { unread: 'it is conjugated or negated lazily' };
    if (dtypeAt === undefined) return makeTensor(typed, args);
    const type = findDtype(args[dtypeAt]);
    if (type === undefined) return { unread: `its type ${globalOf(args[dtypeAt])?.name ?? ''} is not read` };
    return makeTensor({ storage: typed.storage, type }, args);
  }

  async function findQuantized(args: readonly PickleValue[]): Promise<StoredTensor | UnreadTensor> {
    const typed = await readStorage(args[0]);
    if ('unread' in typed) return typed;
    const tensor = makeTensor(typed, args);
    const quantizer = await findQuantizer(asItems(args[4]) ?? [], tensor.layout.shape);
    return quantizer === undefined ? { unread: 'its way of quantisation is not read' } : { ...tensor, quantizer };
  }

  async function findQuantizer(
    params: readonly PickleValue[],
    shape: readonly number[],
  ): Promise<Quantizer | undefined> {
    const scheme = globalOf(params[0])?.name;
    if (scheme === 'per_tensor_affine') return perTensor(params);
    if (scheme !== 'per_channel_affine' && scheme !== 'per_channel_affine_float_qparams') return undefined;
    const axis = asCount(params[3]);
    const scales = await readNumbers(params[1]);
    const zeroPoints = await readNumbers(params[2]);
    if (axis === undefined || scales === undefined || zeroPoints === undefined) return undefined;
    if (shape[axis] !== scales.length || shape[axis] !== zeroPoints.length) {
      throw badFile(format, 'a quantised tensor must have a scale and a zero point for every channel');
    }
    return { scales, zeroPoints, runLength: Math.max(1, elementCount(shape.slice(axis + 1))) };
  }

  /** Reads a small vector: a list of numbers, or a tensor. */
  async function readNumbers(value: PickleValue | undefined): Promise<Float32Array | undefined> {
    const items = asItems(value);
    if (items !== undefined) return Float32Array.from(items, Number);
    const tensor = await findTensor(value ?? null);
    if (tensor === undefined || 'unread' in tensor || tensor.quantizer !== undefined) return undefined;
    return decodeToFloat32(visibleDtype(tensor), await collectBytes(streamTensor(tensor)));
  }

  async function readStorage(value: PickleValue | undefined): Promise<TypedStorage | UnreadTensor> {
    const node = asNode(value);
    const resolved = node === undefined ? undefined : await resolveStorage(node);
    if (resolved === undefined || 'typed' in resolved)
      throw badFile(format, 'a tensor must have a storage of the file');
    return resolved;
  }

  function makeTensor(typed: TypedStorage, args: readonly PickleValue[]): StoredTensor {
    const layout = readLayout(args);
    if (layout === undefined) throw badFile(format, 'a shape, its strides and offset must be whole numbers');
    const available = Math.floor(typed.storage.byteLength / elementByteLength(typed.type.dtype));
    const fault = findLayoutFault(layout, available);
    if (fault !== undefined) throw badFile(format, fault);
    return { typed, layout };
  }

  return findTensor;
}

function tensorOnly(resolved: Resolved | undefined): StoredTensor | UnreadTensor | undefined {
  return resolved !== undefined && ('typed' in resolved || 'unread' in resolved) ? resolved : undefined;
}

/** Arguments 1 to 3 of every rebuild function. */
function readLayout(args: readonly PickleValue[]): Layout | undefined {
  const offset = asCount(args[1]);
  const shape = readCounts(args[2]);
  const strides = readCounts(args[3]);
  return offset === undefined || shape === undefined || strides === undefined ? undefined : { offset, shape, strides };
}

/** Reads a `torch.Size`, tuple or list of counts. */
function readCounts(value: PickleValue | undefined): readonly number[] | undefined {
  const node = asNode(value);
  const items = node?.kind === 'object' ? asItems(node.args[0]) : asItems(value);
  const counts = items?.map(asCount);
  return counts?.every((count) => count !== undefined) ? counts : undefined;
}

/** `_rebuild_from_type(_v2)(function, class, arguments, state)`: the call that it makes. */
function calledBy(args: readonly PickleValue[]): PickleValue {
  return { kind: 'object', callee: args[0] ?? null, args: asItems(args[2]) ?? [], items: [], entries: [] };
}

function perTensor(params: readonly PickleValue[]): Quantizer | undefined {
  const [, scale, zeroPoint] = params;
  if (typeof scale !== 'number' || typeof zeroPoint !== 'number') return undefined;
  return { scales: Float32Array.of(scale), zeroPoints: Float32Array.of(zeroPoint), runLength: 1 };
}

function hasLazyBit(metadata: PickleValue | undefined): boolean {
  const bits = asTextMap(metadata);
  return bits?.get('conj') === true || bits?.get('neg') === true;
}
