import type { WeightArray, Weights } from '../../src/tensors/weights.ts';

const BLOCK = /^blocks\.(\d+)\./;

/** The blocks of a network in an order in which some may be left out or stand twice. */
export function stackBlocks(weights: Weights, order: readonly number[], others: Weights = weights): Weights {
  const [before, after]: [string, WeightArray][][] = [[], []];
  for (const [name, tensor] of weights) {
    if (BLOCK.test(name)) continue;
    (/^(norm|head)\./.test(name) ? after : before)?.push([name, tensor]);
  }
  const blocks = order.flatMap((from, to) =>
    [...(from < 0 ? others : weights)].flatMap(([name, tensor]): [string, WeightArray][] => {
      const isOwn = name.startsWith(`blocks.${Math.max(from, 0)}.`);
      return isOwn ? [[name.replace(BLOCK, `blocks.${to}.`), tensor]] : [];
    }),
  );
  return new Map([...(before ?? []), ...blocks, ...(after ?? [])]);
}

/** A network with the table of positions of another number of patches, interpolated as for images of another size. */
export function resizePositions(weights: Weights, across: number): Weights {
  return new Map(
    [...weights].map(([name, tensor]) => [name, name === 'pos_embed' ? interpolate(tensor, across) : tensor]),
  );
}

function interpolate({ shape, data }: WeightArray, across: number): WeightArray {
  const [, rows = 1, width = 1] = shape;
  const side = Math.sqrt(rows - 1);
  const out = new Float32Array((across ** 2 + 1) * width);
  out.set(data.subarray(0, width));
  for (let i = width; i < out.length; i++) {
    const cell = Math.floor(i / width) - 1;
    const [y, x] = [Math.floor(cell / across), cell % across].map((place) => sourceOf(place, across, side));
    if (!x || !y) continue;
    const at = (row: number, column: number) => data[(1 + row * side + column) * width + (i % width)] ?? 0;
    const top = at(y.low, x.low) * (1 - x.share) + at(y.low, x.high) * x.share;
    const bottom = at(y.high, x.low) * (1 - x.share) + at(y.high, x.high) * x.share;
    out[i] = top * (1 - y.share) + bottom * y.share;
  }
  return { shape: [1, across ** 2 + 1, width], data: out };
}

/** Between which two places of a smaller table one of a larger lies, as bilinear interpolation has it. */
function sourceOf(place: number, across: number, side: number) {
  const at = Math.min(side - 1, Math.max(0, ((place + 0.5) * side) / across - 0.5));
  const low = Math.floor(at);
  return { low, high: Math.min(side - 1, low + 1), share: at - low };
}

const HUGGING_FACE: readonly (readonly [RegExp, string])[] = [
  [/^cls_token$/, 'embeddings.cls_token'],
  [/^pos_embed$/, 'embeddings.position_embeddings'],
  [/^patch_embed\.proj\./, 'embeddings.patch_embeddings.projection.'],
  [/^blocks\.(\d+)\.norm1\./, 'encoder.layer.$1.layernorm_before.'],
  [/^blocks\.(\d+)\.norm2\./, 'encoder.layer.$1.layernorm_after.'],
  [/^blocks\.(\d+)\.attn\.proj\./, 'encoder.layer.$1.attention.output.dense.'],
  [/^blocks\.(\d+)\.mlp\.fc1\./, 'encoder.layer.$1.intermediate.dense.'],
  [/^blocks\.(\d+)\.mlp\.fc2\./, 'encoder.layer.$1.output.dense.'],
  [/^norm\./, 'layernorm.'],
  [/^head\./, 'classifier.'],
];

/** A network of timm's names as Hugging Face keeps it: query, key and value apart. */
export function toHuggingFace(weights: Weights): Weights {
  return new Map(
    [...weights].flatMap(([name, tensor]): [string, WeightArray][] => {
      const [, block, kind] = /^blocks\.(\d+)\.attn\.qkv\.(\w+)$/.exec(name) ?? [];
      if (block !== undefined) return cutInThree(tensor, `encoder.layer.${block}.attention.attention`, kind ?? '');
      const rule = HUGGING_FACE.find(([pattern]) => pattern.test(name));
      return [[rule === undefined ? name : name.replace(...rule), tensor]];
    }),
  );
}

function cutInThree({ shape, data }: WeightArray, path: string, kind: string): [string, WeightArray][] {
  const [rows = 0, ...rest] = shape;
  const size = data.length / 3;
  return ['query', 'key', 'value'].map((part, i) => [
    `${path}.${part}.${kind}`,
    { shape: [rows / 3, ...rest], data: data.slice(i * size, (i + 1) * size) },
  ]);
}
