import type { Node } from './node.ts';

/** How an operator turns the codes of a tensor into numbers. */
export interface CodeUse {
  readonly scale: string;
  readonly zeroPoint: string | undefined;
  /** The axis whose slices have scales of their own, where there are several; may count from the end. */
  readonly axis: number;
  /** Elements along the axis that share a scale: 0 for all but in blocked quantisation (opset 21). */
  readonly blockSize: number;
}

/** What the operators of a model say about codes. */
export interface QuantizedUses {
  /** By the name of the codes; `undefined` where two operators disagree. */
  readonly uses: Map<string, CodeUse | undefined>;
  /** Names of scales and zero points, also those of activations. */
  readonly parameters: Set<string>;
  /** For what an operator made of codes, or codes of, the tensor that it began with. */
  readonly sourceOf: Map<string, string>;
}

/** The operators that take codes of weights, and where among their inputs these stand, with scale and zero point after them. */
const CODE_INPUTS: ReadonlyMap<string, { readonly at: number; readonly axis: number }> = new Map([
  ['DequantizeLinear', { at: 0, axis: 1 }],
  ['QLinearConv', { at: 3, axis: 0 }],
  ['QLinearMatMul', { at: 3, axis: -1 }],
]);
/** What `y = (x - zero) * scale` and its inverse are called: their first output is their first input in another form. */
const CASTS = new Set(['DequantizeLinear', 'QuantizeLinear']);
const PARAMETERS: ReadonlyMap<string, readonly number[]> = new Map([
  ['DequantizeLinear', [1, 2]],
  ['QuantizeLinear', [1, 2]],
  ['QLinearConv', [1, 2, 4, 5, 6, 7]],
  ['QLinearMatMul', [1, 2, 4, 5, 6, 7]],
]);

export function noUses(): QuantizedUses {
  return { uses: new Map(), parameters: new Set(), sourceOf: new Map() };
}

function isSameUse(a: CodeUse | undefined, b: CodeUse): boolean {
  return a?.scale === b.scale && a.zeroPoint === b.zeroPoint && a.axis === b.axis && a.blockSize === b.blockSize;
}

/** Notes what an operator says about codes (ONNX operators, DequantizeLinear and its like). */
export function noteCodes(node: Node, { uses, parameters, sourceOf }: QuantizedUses): void {
  const { operator, inputs, outputs, attributes } = node;
  for (const at of PARAMETERS.get(operator) ?? []) {
    const name = inputs[at] ?? '';
    if (name !== '') parameters.add(name);
  }
  const place = CODE_INPUTS.get(operator);
  const [codes, scale, zeroPoint = ''] = place === undefined ? [] : inputs.slice(place.at, place.at + 3);
  if (place !== undefined && codes !== undefined && scale !== undefined) {
    const integer = (name: string): number | undefined => {
      const found = attributes.find((attribute) => attribute.name === name);
      return found === undefined ? undefined : Number(found.integer);
    };
    const axis = integer('axis') ?? place.axis;
    const use = { scale, zeroPoint: zeroPoint || undefined, axis, blockSize: integer('block_size') ?? 0 };
    const isKnown = !uses.has(codes) || isSameUse(uses.get(codes), use);
    uses.set(codes, isKnown ? use : undefined);
  }
  const [first] = inputs;
  const [output] = outputs;
  if (CASTS.has(operator) && first !== undefined && output !== undefined) {
    sourceOf.set(output, sourceOf.get(first) ?? first);
  }
}
