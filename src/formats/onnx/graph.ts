import { badFile } from '../bad-file.ts';
import type { Field, Message, ProtoFile } from './fields.ts';
import { type Node, readNode } from './node.ts';
import { noteCodes, noUses, type QuantizedUses } from './quantized-uses.ts';
import { readTensorProto, type TensorProto } from './tensor-proto.ts';

/** Graphs stand inside nodes (If, Loop); deeper ones are attacks on the stack. */
const MAX_DEPTH = 32;
const MAX_TENSORS = 1_000_000;

/** A tensor of the model: an initializer, or the value of a Constant node. */
export interface ModelTensor {
  readonly tensor: TensorProto;
  readonly name: string;
  readonly isConstant: boolean;
}

/** What the model says of itself. */
export interface ModelContent {
  readonly tensors: ModelTensor[];
  /** Names of the tensors that operators read as (in, out); `false` where another reads them otherwise. */
  readonly isInOut: Map<string, boolean>;
  readonly quantized: QuantizedUses;
  readonly declared: (readonly [string, unknown])[];
}

/** A product's second factor is (in, out), unless Gemm transposes it; everything else keeps (out, in). Codes are followed to where they are used. */
function noteOrders(node: Node, { isInOut, quantized }: ModelContent): void {
  const isTransposed = node.attributes.some(({ name, integer }) => name === 'transB' && integer !== 0n);
  const place = node.operator === 'QLinearMatMul' ? 3 : 1;
  const isProduct = /^(MatMul|QLinearMatMul)$/.test(node.operator) || (node.operator === 'Gemm' && !isTransposed);
  for (const [i, input] of node.inputs.entries()) {
    if (quantized.sourceOf.has(node.outputs[0] ?? '') && i === 0) continue;
    const name = quantized.sourceOf.get(input) ?? input;
    isInOut.set(name, isProduct && i === place && isInOut.get(name) !== false);
  }
}

function addTensor(content: ModelContent, tensor: TensorProto, name: string, isConstant: boolean): void {
  if (content.tensors.length >= MAX_TENSORS) throw badFile('onnx', `there must not be over ${MAX_TENSORS} tensors`);
  content.tensors.push({ tensor, name: name === '' ? 'tensor' : name, isConstant });
}

async function visitNode(proto: ProtoFile, content: ModelContent, message: Message, depth: number): Promise<void> {
  const node = await readNode(proto, message);
  noteCodes(node, content.quantized);
  noteOrders(node, content);
  for (const { name, tensor, graphs } of node.attributes) {
    if (node.operator === 'Constant' && name === 'value' && tensor !== undefined) {
      addTensor(content, await readTensorProto(proto, tensor), node.outputs[0] ?? '', true);
    }
    for (const graph of graphs) await visitGraph(proto, content, graph, depth + 1);
  }
}

async function visitGraph(proto: ProtoFile, content: ModelContent, message: Message, depth: number): Promise<void> {
  if (depth > MAX_DEPTH) throw badFile('onnx', `graphs must not be over ${MAX_DEPTH} deep`, message.offset);
  for await (const field of proto.fields(message)) {
    if (field.kind !== 'bytes') continue;
    if (field.number === 1) await visitNode(proto, content, field, depth);
    if (field.number !== 5) continue;
    const tensor = await readTensorProto(proto, field);
    addTensor(content, tensor, tensor.name, false);
  }
}

async function readProperty(proto: ProtoFile, message: Message): Promise<readonly [string, string]> {
  const texts = ['', ''];
  for await (const field of proto.fields(message)) {
    if (field.kind === 'bytes' && field.number <= 2) texts[field.number - 1] = await proto.readText(field);
  }
  return [texts[0] ?? '', texts[1] ?? ''];
}

/** Numbers and texts of ModelProto that tell where a model comes from. */
const DECLARED: ReadonlyMap<number, string> = new Map([
  [1, 'ir_version'],
  [2, 'producer_name'],
  [3, 'producer_version'],
  [4, 'domain'],
  [5, 'model_version'],
]);

async function readDeclared(proto: ProtoFile, content: ModelContent, field: Field): Promise<void> {
  const key = DECLARED.get(field.number);
  if (key !== undefined && field.kind === 'number') content.declared.push([key, Number(field.value)]);
  if (field.kind !== 'bytes') return;
  if (key !== undefined) content.declared.push([key, await proto.readText(field)]);
  if (field.number === 14) content.declared.push(await readProperty(proto, field));
}

/**
 * Reads a model's tensors without their values (ModelProto and below, onnx.proto).
 *
 * @throws BadFileError one for each rule.
 */
export async function readModel(proto: ProtoFile): Promise<ModelContent> {
  const content: ModelContent = { tensors: [], isInOut: new Map(), quantized: noUses(), declared: [] };
  let graphs = 0;
  for await (const field of proto.fields({ offset: 0, byteLength: proto.source.byteLength })) {
    await readDeclared(proto, content, field);
    if (field.kind !== 'bytes' || field.number !== 7) continue;
    graphs += 1;
    await visitGraph(proto, content, field, 0);
  }
  if (graphs !== 1) throw badFile('onnx', 'the model must have one graph', 0);
  return content;
}
