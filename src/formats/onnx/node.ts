import type { Message, ProtoFile } from './fields.ts';

/** The parts of an attribute that are used. */
export interface Attribute {
  readonly name: string;
  readonly integer: bigint;
  readonly tensor?: Message;
  readonly graphs: readonly Message[];
}

/** An operator of a graph. */
export interface Node {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly operator: string;
  readonly attributes: readonly Attribute[];
}

async function readAttribute(proto: ProtoFile, message: Message): Promise<Attribute> {
  let name = '';
  let integer = 0n;
  let tensor: Message | undefined;
  const graphs: Message[] = [];
  for await (const field of proto.fields(message)) {
    if (field.kind === 'number' && field.number === 3) integer = field.value;
    if (field.kind !== 'bytes') continue;
    if (field.number === 1) name = await proto.readText(field);
    if (field.number === 5) tensor = field;
    if (field.number === 6 || field.number === 11) graphs.push(field);
  }
  return { name, integer, graphs, ...(tensor === undefined ? {} : { tensor }) };
}

/** Reads a NodeProto (onnx.proto). */
export async function readNode(proto: ProtoFile, message: Message): Promise<Node> {
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Attribute[] = [];
  let operator = '';
  for await (const field of proto.fields(message)) {
    if (field.kind !== 'bytes') continue;
    if (field.number === 1) inputs.push(await proto.readText(field));
    if (field.number === 2) outputs.push(await proto.readText(field));
    if (field.number === 4) operator = await proto.readText(field);
    if (field.number === 5) attributes.push(await readAttribute(proto, field));
  }
  return { inputs, outputs, operator, attributes };
}
