import type { WeightArray, Weights } from '../../src/tensors/weights.ts';

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

/** Standard normal numbers by Box and Muller. */
export function createGaussian(seed: number): () => number {
  const random = createRandom(seed);
  return () => Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}

export function mapTensors(weights: Weights, change: (tensor: WeightArray, name: string) => Float32Array): Weights {
  return new Map([...weights].map(([name, tensor]) => [name, { shape: tensor.shape, data: change(tensor, name) }]));
}

const isMatrix = ({ shape }: WeightArray) => shape.length > 1;
const rms = (data: Float32Array) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / Math.max(data.length, 1));

export function toBf16(weights: Weights): Weights {
  return mapTensors(weights, ({ data }) => {
    const out = data.slice();
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < bits.length; i++) {
      const b = bits[i] ?? 0;
      bits[i] = (b + 0x7fff + ((b >>> 16) & 1)) & 0xffff0000;
    }
    return out;
  });
}

/** Rounds to fp16 by its spacing: 11 significant bits, subnormals in steps of 2^-24. */
export function toFp16(weights: Weights): Weights {
  return mapTensors(weights, ({ data }) =>
    data.map((x) => {
      if (x === 0) return 0;
      const step = Math.max(2 ** (Math.floor(Math.log2(Math.abs(x))) - 10), 2 ** -24);
      const n = x / step;
      const down = Math.floor(n);
      const tie = n - down === 0.5;
      return (tie ? down + (down % 2 === 0 ? 0 : 1) : Math.round(n)) * step;
    }),
  );
}

/** Symmetric rounding to `levels` either side, one scale for each run of `span(tensor)` values. */
export function quantize(
  weights: Weights,
  levels: number,
  span: (tensor: WeightArray) => number,
  only = isMatrix,
): Weights {
  return mapTensors(weights, (tensor) => {
    if (!only(tensor)) return tensor.data;
    const out = new Float32Array(tensor.data.length);
    const size = span(tensor);
    for (let at = 0; at < out.length; at += size) {
      const group = tensor.data.subarray(at, at + size);
      const scale = Math.fround(group.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / levels);
      group.forEach((x, i) => {
        out[at + i] = scale > 0 ? Math.fround(Math.round(x / scale) * scale) : 0;
      });
    }
    return out;
  });
}

export const perTensor = ({ data }: WeightArray) => data.length;
export const perChannel = ({ shape, data }: WeightArray) => data.length / (shape[0] ?? 1);
/** Blocks of 32 where they fit, as in GGML; the whole tensor elsewhere. */
export const perBlock = ({ data }: WeightArray) => (data.length % 32 === 0 ? 32 : data.length);

/** Blocks of 32 with an offset of their own (Q4_1). */
export function quantizeWithOffset(weights: Weights, levels: number): Weights {
  return mapTensors(weights, (tensor) => {
    if (!isMatrix(tensor) || tensor.data.length % 32 !== 0) return tensor.data;
    const out = new Float32Array(tensor.data.length);
    for (let at = 0; at < out.length; at += 32) {
      const group = tensor.data.subarray(at, at + 32);
      const low = Math.min(...group);
      const step = Math.fround((Math.max(...group) - low) / levels);
      group.forEach((x, i) => {
        out[at + i] = Math.fround(Math.round((x - low) / step) * step + low);
      });
    }
    return out;
  });
}

/** Adds Gaussian noise of `level` times each tensor's own size. */
export function addNoise(weights: Weights, level: number, seed: number): Weights {
  const gaussian = createGaussian(seed);
  return mapTensors(weights, ({ data }) => {
    const size = level * rms(data);
    return data.map((x) => x + size * gaussian());
  });
}

/** Sets the smallest `share` of every matrix to zero; of all together when `globally`. */
export function prune(weights: Weights, share: number, globally = false): Weights {
  const limitOf = (values: readonly number[]) =>
    [...values].sort((a, b) => a - b)[Math.floor(share * values.length)] ?? 0;
  const sizes = (tensor: WeightArray) => Array.from(tensor.data, Math.abs);
  const common = globally ? limitOf([...weights.values()].filter(isMatrix).flatMap(sizes)) : undefined;
  return mapTensors(weights, (tensor) => {
    if (!isMatrix(tensor)) return tensor.data;
    const limit = common ?? limitOf(sizes(tensor));
    return tensor.data.map((x) => (Math.abs(x) < limit ? 0 : x));
  });
}

/** Draws the tensors of one module anew, with `classes` outputs. */
export function replaceHead(weights: Weights, module: string, classes: number, seed: number): Weights {
  const gaussian = createGaussian(seed);
  return new Map(
    [...weights].map(([name, tensor]): [string, WeightArray] => {
      if (!name.startsWith(`${module}.`)) return [name, tensor];
      const shape = [classes, ...tensor.shape.slice(1)];
      const size = rms(tensor.data);
      return [
        name,
        { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => size * gaussian()) },
      ];
    }),
  );
}

/** Adds a matrix of rank k to every matrix, `level` times its size. */
export function addLowRank(weights: Weights, rank: number, level: number, seed: number): Weights {
  const gaussian = createGaussian(seed);
  return mapTensors(weights, (tensor) => {
    if (!isMatrix(tensor)) return tensor.data;
    const rows = tensor.shape[0] ?? 1;
    const columns = tensor.data.length / rows;
    const left = Array.from({ length: rows * rank }, gaussian);
    const right = Array.from({ length: rank * columns }, gaussian);
    const size = (level * rms(tensor.data)) / Math.sqrt(rank);
    return tensor.data.map((x, i) => {
      let change = 0;
      for (let k = 0; k < rank; k++)
        change += (left[Math.floor(i / columns) * rank + k] ?? 0) * (right[k * columns + (i % columns)] ?? 0);
      return x + size * change;
    });
  });
}

/** Weighted sum of checkpoints. */
export function average(parts: readonly Weights[], coefficients: readonly number[]): Weights {
  const [first] = parts;
  if (!first) throw new RangeError('An average has parts.');
  return mapTensors(first, ({ data }, name) =>
    data.map((_, i) =>
      parts.reduce((sum, part, k) => sum + (coefficients[k] ?? 0) * (part.get(name)?.data[i] ?? 0), 0),
    ),
  );
}

export function rename(weights: Weights, nameOf: (name: string, index: number) => string): Weights {
  return new Map([...weights].map(([name, tensor], i) => [nameOf(name, i), tensor]));
}

/** Reverses the axes of every matrix, as `.T` does. */
export function transpose(weights: Weights): Weights {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const turned = [...shape].reverse();
      const out = new Float32Array(data.length);
      const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1)).reverse();
      for (let k = 0; k < out.length; k++) {
        let rest = k;
        let from = 0;
        for (let axis = turned.length - 1; axis >= 0; axis--) {
          const n = turned[axis] ?? 1;
          from += (rest % n) * (strides[axis] ?? 0);
          rest = Math.floor(rest / n);
        }
        out[k] = data[from] ?? 0;
      }
      return [name, { shape: turned, data: out }];
    }),
  );
}
