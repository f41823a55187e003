import { isNumber } from './natural-order.ts';

/** One axis of one tensor. */
export interface AxisRef {
  readonly tensor: string;
  readonly axis: number;
}

/**
 * What a module must be, by its parameters. `depthwise`: a convolution with one input channel, which may also be the first layer of a network
 * for grey images. `vector`: one-axis parameters that no rule knows as a norm. `other`: cannot be told, blocks what touches it.
 */
export type ModuleKind =
  | 'linear'
  | 'conv'
  | 'depthwise'
  | 'norm'
  | 'vector'
  | 'embedding'
  | 'recurrent'
  | 'attention'
  | 'ambiguous'
  | 'other';

/** The tensors that share a name up to the last dot. */
export interface Module {
  readonly path: string;
  readonly kind: ModuleKind;
  /** Shapes by the last part of the name. */
  readonly tensors: ReadonlyMap<string, readonly number[]>;
  /** Place in the file. */
  readonly position: number;
  /** Sizes of what it reads and writes; 0 where that is not known. */
  readonly reads: number;
  readonly writes: number;
  readonly inAxes: readonly AxisRef[];
  readonly outAxes: readonly AxisRef[];
  readonly kernel: readonly number[];
}

/** Last part of a dotted path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** All but the last part of a dotted path; '' at the root. */
export function parentPath(path: string): string {
  return path.includes('.') ? path.slice(0, path.lastIndexOf('.')) : '';
}

export function joinPath(parent: string, child: string): string {
  return parent === '' ? child : `${parent}.${child}`;
}

/** A norm that keeps running statistics is a batch norm: it acts on every channel by itself. */
export function hasRunningStatistics(module: Module): boolean {
  return module.tensors.has('running_mean');
}

export function isWeighted(module: Module): boolean {
  return module.kind === 'linear' || module.kind === 'conv' || module.kind === 'depthwise';
}

const KNOWN_PARTS = new Set(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']);
const NORM_NAME = /(norm|bn\d*$|ln_?\w*$|^ln|batch|rms)/i;
const EMBEDDING_NAME = /(emb|wte|wpe|vocab$|position|^shared$|^tok(ens?)?$|^pos$)/i;
const TRANSPOSED_NAME = /(transpose|deconv|convt|tconv|upconv|up_conv|^up\d*$)/i;
/** Hugging Face's Conv1D keeps (in, out): square, it cannot be told from a linear layer. */
const CONV1D_NAME = /^c_(fc|attn|proj)$/;

type Shapes = ReadonlyMap<string, readonly number[]>;
type Traits = Pick<Module, 'kind' | 'reads' | 'writes' | 'inAxes' | 'outAxes' | 'kernel'>;

const OTHER: Traits = { kind: 'other', reads: 0, writes: 0, inAxes: [], outAxes: [], kernel: [] };

/** Tells what a module is from the names and shapes of its tensors. */
export function classifyModule(path: string, tensors: Shapes, position: number): Module {
  return { path, tensors, position, ...traitsOf(path, tensors) };
}

function traitsOf(path: string, tensors: Shapes): Traits {
  const parts = [...tensors.keys()];
  if (parts.some((part) => part.startsWith('weight_ih_l'))) return { ...OTHER, kind: 'recurrent' };
  if (tensors.has('in_proj_weight')) return { ...OTHER, kind: 'attention' };
  const isUnknown = /lora/i.test(path) || parts.some((part) => !KNOWN_PARTS.has(part));
  const [weight, bias] = [tensors.get('weight'), tensors.get('bias')];
  if (isUnknown || weight === undefined || (bias !== undefined && bias.length !== 1)) return OTHER;
  if (weight.length === 1) return vectorTraits(path, tensors);
  if (weight.length === 2) return matrixTraits(path, weight, bias?.[0]);
  return weight.length <= 5 ? convTraits(path, weight, bias?.[0]) : OTHER;
}

function vectorTraits(path: string, tensors: Shapes): Traits {
  const vectors = [...tensors].filter(([, shape]) => shape.length === 1);
  const sizes = new Set(vectors.map(([, shape]) => shape[0] ?? 0));
  const [size] = sizes;
  if (sizes.size !== 1 || size === undefined) return OTHER;
  const base = baseName(path);
  const isNorm = tensors.has('running_mean') || NORM_NAME.test(base) || (isNumber(base) && tensors.has('bias'));
  const outAxes = vectors.map(([part]) => ({ tensor: joinPath(path, part), axis: 0 }));
  return { ...OTHER, kind: isNorm ? 'norm' : 'vector', reads: size, writes: size, outAxes };
}

function matrixTraits(path: string, weight: readonly number[], bias: number | undefined): Traits {
  const [rows = 0, columns = 0] = weight;
  const base = baseName(path);
  if (EMBEDDING_NAME.test(base) && bias === undefined) {
    return {
      ...OTHER,
      kind: 'embedding',
      reads: rows,
      writes: columns,
      outAxes: [{ tensor: joinPath(path, 'weight'), axis: 1 }],
    };
  }
  if (CONV1D_NAME.test(base) && (bias === undefined || rows === columns)) return OTHER;
  if (bias !== undefined && bias !== rows && bias !== columns) return OTHER;
  const out = bias !== undefined && bias !== rows ? 1 : 0;
  return weighted('linear', path, weight, out, bias);
}

/** The same module with a known side for what it writes, if it is one that goes by GPT-2's names. */
export function asConv1d(module: Module, out: 0 | 1): Module {
  const [weight, bias] = [module.tensors.get('weight'), module.tensors.get('bias')];
  const isPlain = [...module.tensors.keys()].every((part) => part === 'weight' || part === 'bias');
  if (!CONV1D_NAME.test(baseName(module.path)) || weight?.length !== 2 || !isPlain) return module;
  if (bias !== undefined && bias[0] !== weight[out]) return module;
  return { ...module, ...weighted('linear', module.path, weight, out, bias?.[0]) };
}

function convTraits(path: string, weight: readonly number[], bias: number | undefined): Traits {
  const [first = 0, second = 0] = weight;
  const looksTransposed =
    TRANSPOSED_NAME.test(baseName(path)) || (bias !== undefined && bias === second && bias !== first);
  if (looksTransposed && (bias === undefined || first === second))
    return { ...OTHER, kind: 'ambiguous', reads: first, writes: second };
  if (bias !== undefined && bias !== first && bias !== second) return OTHER;
  if (looksTransposed && bias === second) return weighted('conv', path, weight, 1, bias);
  return weighted(second === 1 && first > 1 ? 'depthwise' : 'conv', path, weight, 0, bias);
}

function weighted(
  kind: ModuleKind,
  path: string,
  weight: readonly number[],
  out: 0 | 1,
  bias: number | undefined,
): Traits {
  const tensor = joinPath(path, 'weight');
  const biasAxes = bias === undefined ? [] : [{ tensor: joinPath(path, 'bias'), axis: 0 }];
  return {
    kind,
    writes: weight[out] ?? 0,
    reads: weight[1 - out] ?? 0,
    outAxes: [{ tensor, axis: out }, ...biasAxes],
    inAxes: [{ tensor, axis: 1 - out }],
    kernel: weight.slice(2),
  };
}
