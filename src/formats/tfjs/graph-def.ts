import { isJsonObject, isTextList, type JsonObject } from '../json.ts';

type Order = readonly number[];

/** Operators that only pass a tensor on. */
const PASSING = new Set(['Identity', 'ReadVariableOp', 'Enter', 'Cast']);

/** Axis orders by the operator that a constant is the second input of. */
const ORDERS: ReadonlyMap<string, Order> = new Map<string, Order>([
  ['MatMul', [1, 0]],
  ['_FusedMatMul', [1, 0]],
  ['Conv2D', [3, 2, 0, 1]],
  ['_FusedConv2D', [3, 2, 0, 1]],
  ['Conv2DBackpropInput', [3, 2, 0, 1]],
  ['Conv3D', [4, 3, 0, 1, 2]],
  ['DepthwiseConv2dNative', [2, 3, 0, 1]],
  ['FusedDepthwiseConv2dNative', [2, 3, 0, 1]],
]);

/** One operator of a TensorFlow graph. */
interface Operator {
  readonly kind: string;
  readonly inputs: readonly string[];
  readonly attributes: JsonObject;
}

/** `name`, `name:0` and `^name` all mean the operator called so. */
const operatorName = (input: string): string => input.replace(/^\^/, '').replace(/:\d+$/, '');

function parseOperators(topology: JsonObject): ReadonlyMap<string, Operator> {
  const operators = new Map<string, Operator>();
  for (const node of Array.isArray(topology.node) ? topology.node : []) {
    if (!isJsonObject(node) || typeof node.name !== 'string' || typeof node.op !== 'string') continue;
    const inputs = isTextList(node.input) ? node.input.map(operatorName) : [];
    operators.set(node.name, { kind: node.op, inputs, attributes: isJsonObject(node.attr) ? node.attr : {} });
  }
  return operators;
}

/** Follows operators that pass a tensor on back to what made it; `seen` stops at circles. */
function findOrigin(operators: ReadonlyMap<string, Operator>, start: string): string {
  const seen = new Set<string>();
  let name = start;
  for (let operator = operators.get(name); operator !== undefined && PASSING.has(operator.kind); ) {
    const [next] = operator.inputs;
    if (next === undefined || seen.has(name)) return name;
    seen.add(name);
    name = next;
    operator = operators.get(name);
  }
  return name;
}

const isSet = (attribute: unknown): boolean => isJsonObject(attribute) && attribute.b === true;

/** A matrix that is multiplied transposed is (out, in) as it stands. */
function orderFor(operator: Operator): Order | undefined {
  const order = ORDERS.get(operator.kind);
  return order?.length === 2 && isSet(operator.attributes.transpose_b) ? [0, 1] : order;
}

/**
 * Finds the axis orders of a converted TensorFlow graph's weights: what an operator multiplies with tells how it keeps them.
 * A weight that two operators read in different orders has none.
 *
 * @param topology a GraphDef as JSON: `{"node": [{"name", "op", "input", "attr"}]}`
 */
export function findGraphOrders(topology: JsonObject): ReadonlyMap<string, readonly number[]> {
  const operators = parseOperators(topology);
  const orders = new Map<string, Order>();
  const disputed = new Set<string>();
  for (const operator of operators.values()) {
    const order = orderFor(operator);
    // A transposed convolution's first input is a shape; the kernel is second for all of them.
    const kernel = operator.inputs[1];
    if (order === undefined || kernel === undefined) continue;
    const origin = findOrigin(operators, kernel);
    const other = orders.get(origin);
    if (other !== undefined && String(other) !== String(order)) disputed.add(origin);
    orders.set(origin, order);
  }
  return new Map([...orders].filter(([name]) => !disputed.has(name)));
}
