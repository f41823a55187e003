/** A multilayer perceptron 6-12-12-3 (ReLU), trained by plain gradient descent with momentum. */
export interface TinyNet {
  readonly layers: readonly {
    readonly weight: Float64Array;
    readonly bias: Float64Array;
    readonly inputs: number;
    readonly outputs: number;
  }[];
}

const SIZES = [6, 12, 12, 3] as const;
const SAMPLES = 60;

/** Uniform numbers in [0, 1), the same on every machine: only integer arithmetic, then one division. */
export function createRandom(seed: number): () => number {
  let state = (seed * 2654435761 + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

/** Nearly Gaussian, from additions alone: functions like the logarithm may differ between machines in the last bit. */
function gaussian(random: () => number): number {
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += random();
  return sum;
}

export function createTinyNet(seed: number): TinyNet {
  const random = createRandom(seed);
  return {
    layers: SIZES.slice(1).map((outputs, index) => {
      const inputs = SIZES[index] ?? 1;
      const weight = Float64Array.from({ length: inputs * outputs }, () => gaussian(random) * Math.sqrt(2 / inputs));
      return { weight, bias: Float64Array.from({ length: outputs }, () => 0.1 * gaussian(random)), inputs, outputs };
    }),
  };
}

export function copyNet(net: TinyNet): TinyNet {
  return { layers: net.layers.map((layer) => ({ ...layer, weight: layer.weight.slice(), bias: layer.bias.slice() })) };
}

interface Sample {
  readonly input: Float64Array;
  readonly target: Float64Array;
}

/** Inputs, and targets from a fixed quadratic rule plus an offset that tells one data set from another. */
export function createSamples(seed: number, offset = 0): readonly Sample[] {
  const random = createRandom(seed);
  return Array.from({ length: SAMPLES }, () => {
    const input = Float64Array.from({ length: SIZES[0] }, () => gaussian(random));
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = input;
    return { input, target: Float64Array.of(a * b + offset, c - d * offset, e * f - a) };
  });
}

function forward(net: TinyNet, input: Float64Array): readonly Float64Array[] {
  const activations = [input];
  for (const [index, { weight, bias, inputs, outputs }] of net.layers.entries()) {
    const before = activations[index] ?? input;
    const isLast = index === net.layers.length - 1;
    const after = new Float64Array(outputs);
    for (let o = 0; o < outputs; o++) {
      let sum = bias[o] ?? 0;
      for (let i = 0; i < inputs; i++) sum += (weight[o * inputs + i] ?? 0) * (before[i] ?? 0);
      after[o] = isLast || sum > 0 ? sum : 0;
    }
    activations.push(after);
  }
  return activations;
}

/** One step of stochastic gradient descent on the squared error. */
function step(net: TinyNet, sample: Sample, rate: number): void {
  const activations = forward(net, sample.input);
  const output = activations.at(-1) ?? sample.target;
  let delta = output.map((value, k) => value - (sample.target[k] ?? 0));
  for (const [index, { weight, bias, inputs, outputs }] of [...net.layers.entries()].reverse()) {
    const before = activations[index] ?? sample.input;
    const back = new Float64Array(inputs);
    for (let o = 0; o < outputs; o++) {
      const d = delta[o] ?? 0;
      bias[o] = (bias[o] ?? 0) - rate * d;
      for (let i = 0; i < inputs; i++) {
        const at = o * inputs + i;
        back[i] = (back[i] ?? 0) + (weight[at] ?? 0) * d;
        weight[at] = (weight[at] ?? 0) - rate * d * (before[i] ?? 0);
      }
    }
    delta = back.map((value, i) => ((before[i] ?? 0) > 0 ? value : 0));
  }
}

/** Trains in place for some epochs. */
export function trainTinyNet(net: TinyNet, samples: readonly Sample[], epochs: number, rate = 0.01): void {
  for (let epoch = 0; epoch < epochs; epoch++) for (const sample of samples) step(net, sample, rate);
}
