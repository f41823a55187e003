import type { Placed } from './accept.ts';
import type { ModuleTree } from './module-tree.ts';
import { type AxisRef, baseName, joinPath, type Module, parentPath } from './modules.ts';

const ATTENTION = /(attn|attention|mha|q_proj|k_proj|v_proj|qkv|query|key|value|(^|\.)sa(\.|$))/i;
const ATTENTION_INPUT =
  /(^|\.)(q|k|v|[qkv]_proj|[qkv]_lin|qkv|kv|qkv_proj|query_key_value|query|key|value|w[qkv]|to_[qkv]|to_qkv|to_kv|Wqkv|c_attn)$/;
const ATTENTION_OUTPUT = /(^|\.)(o|o_proj|out_proj|out_lin|proj|wo|dense|to_out\.0|to_out|c_proj)$/;
const QUERY_KEY_VALUE = [
  ['q', 'k', 'v'],
  ['wq', 'wk', 'wv'],
  ['to_q', 'to_k', 'to_v'],
];
/** Vectors and tables of attention that belong to rows of q, k and v, to heads or to positions. */
const INSIDE_ATTENTION =
  /^([qkv]{1,3}_?bias|relative_\w+|rel_pos\w*|\w*bias_table|bias|masked_bias|\w*mask|tril|inv_freq|logit_scale|temperature)$/;
const LAYER_SCALE = /^(gamma(_\d)?|ls\d?|layer_scale\w*)$/;
const ROUTER = /^(gate|router)$/;

/** Norms of the rows of q and k. */
export function isHeadNorm(module: Module): boolean {
  return module.kind === 'norm' && /([qk]_norm|[qk]_ln|norm_[qk]|[qk]_layernorm)$/.test(module.path);
}

/** Axes of the stream in a module of a block; `undefined` when its role is not known. */
export function axesInBlock(
  tree: ModuleTree,
  module: Module,
  size: number,
  placed: Placed,
): readonly AxisRef[] | undefined {
  if (isHeadNorm(module)) return [];
  if (module.kind === 'norm') return module.writes === size ? module.outAxes : undefined;
  if (module.kind === 'attention') return axesOfFusedAttention(module, size);
  if (module.kind === 'other' || module.kind === 'vector') return axesOfVectors(module, size);
  if (module.kind !== 'linear') return undefined;
  const isAttention = ATTENTION.test(module.path) || hasQueryKeyValue(tree, module, size);
  if (isAttention && ATTENTION_INPUT.test(module.path)) return module.reads === size ? module.inAxes : undefined;
  if (isAttention && ATTENTION_OUTPUT.test(module.path)) return attentionOutput(tree, module, size);
  if (ROUTER.test(baseName(module.path)) && module.writes !== size)
    return module.reads === size ? module.inAxes : undefined;
  const isProducer = placed.outputs.has(module.path);
  const isConsumer = placed.inputs.has(module.path);
  if (isProducer && !isConsumer) return module.reads === size ? module.inAxes : undefined;
  if (isConsumer && !isProducer) return module.writes === size ? module.outAxes : undefined;
  return undefined;
}

/** Query, key and value side by side in the block itself: three layers of these names that read the stream are attention. */
function hasQueryKeyValue(tree: ModuleTree, module: Module, size: number): boolean {
  const beside = (name: string) => tree.modules.get(joinPath(parentPath(module.path), name));
  return QUERY_KEY_VALUE.some((names) =>
    names.every((name) => beside(name)?.kind === 'linear' && beside(name)?.reads === size),
  );
}

/** PyTorch's MultiheadAttention: one matrix for q, k and v; its output layer is a child of its own. */
function axesOfFusedAttention(module: Module, size: number): readonly AxisRef[] | undefined {
  const parts = [...module.tensors.keys()];
  const isKnown = parts.every((part) => part === 'in_proj_weight' || part === 'in_proj_bias');
  const fits = module.tensors.get('in_proj_weight')?.[1] === size;
  return isKnown && fits ? [{ tensor: joinPath(module.path, 'in_proj_weight'), axis: 1 }] : undefined;
}

/** Factors of a block's branch lie on the stream; what attention keeps beside its matrices does not. */
function axesOfVectors(module: Module, size: number): readonly AxisRef[] | undefined {
  const axes: AxisRef[] = [];
  for (const [part, shape] of module.tensors) {
    if (ATTENTION.test(joinPath(module.path, part)) && INSIDE_ATTENTION.test(part)) continue;
    if (!LAYER_SCALE.test(part) || shape.length !== 1 || shape[0] !== size) return undefined;
    axes.push({ tensor: joinPath(module.path, part), axis: 0 });
  }
  return axes;
}

function attentionOutput(tree: ModuleTree, module: Module, size: number): readonly AxisRef[] | undefined {
  // A square c_proj may be (in, out) where no c_attn beside it has settled that.
  const fused = tree.modules.get(joinPath(parentPath(module.path), 'c_attn'));
  if (module.writes !== size || (fused !== undefined && fused.kind !== 'linear')) return undefined;
  return module.outAxes;
}
