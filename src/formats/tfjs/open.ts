import { invariant } from '../../assert.ts';
import type { ByteSource, FileSet } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, Declared, FileRange, GraphLayer, OpenCheckpoint, TensorEntry } from '../format.ts';
import { decodeUtf8, isJsonObject, type JsonObject, parseJson } from '../json.ts';
import { assignTensors, parseKerasLayers } from '../keras-layers.ts';
import { findKerasOrder } from '../keras-orders.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles } from '../verbatim.ts';
import { openSiblings } from '../weight-map.ts';
import { readAs, readElements } from './elements.ts';
import { findGraphOrders } from './graph-def.ts';
import { type PlacedWeight, placeWeights } from './layout.ts';
import { parseManifest } from './manifest.ts';

/** A topology of thousands of layers has some 10 MB. */
const MAX_JSON_BYTES = 100_000_000;

async function readModelJson(source: ByteSource): Promise<JsonObject> {
  if (source.byteLength > MAX_JSON_BYTES) throw badFile('tfjs', `the JSON must not be over ${MAX_JSON_BYTES} bytes`);
  const text = decodeUtf8(await source.read(0, source.byteLength));
  if (text === undefined) throw badFile('tfjs', 'the JSON must be UTF-8', 0);
  const model = parseJson(text);
  if (!isJsonObject(model)) throw badFile('tfjs', 'the file must be a JSON object', 0);
  return model;
}

/** Keras itself writes the model below `model_config`, TensorFlow.js without. */
function kerasModel(model: JsonObject): unknown {
  const topology = model.modelTopology;
  return isJsonObject(topology) && isJsonObject(topology.model_config) ? topology.model_config : topology;
}

/** Where a tensor stands as it is: in one piece, and not as codes. */
function findVerbatim(weight: PlacedWeight): FileRange | undefined {
  return weight.ranges.length === 1 && readAs(weight) === weight.storedAs ? weight.ranges[0] : undefined;
}

function toEntry(weight: PlacedWeight, name: string): TensorEntry {
  const dtype = readAs(weight);
  const role = weight.spec.isOptimizer ? 'optimizer' : classifyRole(name, dtype);
  const at = findVerbatim(weight);
  const entry = { name, dtype, shape: weight.spec.shape, role } as const;
  return at === undefined ? entry : { ...entry, at };
}

function withOrder(entry: TensorEntry, order: readonly number[] | undefined): TensorEntry {
  const isIdentity = order?.every((axis, i) => axis === i);
  return order === undefined || isIdentity || order.length !== entry.shape.length
    ? entry
    : { ...entry, toCanonical: order };
}

interface Described {
  readonly tensors: readonly TensorEntry[];
  readonly graph?: readonly GraphLayer[];
}

/** Adds what the topology says of the tensors: the order of their axes, and which layer they belong to. */
function describe(model: JsonObject, entries: readonly TensorEntry[]): Described {
  const layers = parseKerasLayers(kerasModel(model));
  if (layers !== undefined) {
    const weights = entries.filter((entry) => entry.role === 'weight').map((entry) => entry.name);
    const { layers: graph, ownerOf } = assignTensors(layers, weights);
    const tensors = entries.map((entry) => {
      const owner = ownerOf.get(entry.name);
      return withOrder(entry, owner === undefined ? undefined : findKerasOrder(owner, entry.name, entry.shape));
    });
    return { tensors, graph };
  }
  const orders = isJsonObject(model.modelTopology) ? findGraphOrders(model.modelTopology) : new Map<string, number[]>();
  return { tensors: entries.map((entry) => withOrder(entry, orders.get(entry.name))) };
}

function declaredBy(model: JsonObject): Declared {
  const { generatedBy, convertedBy, userDefinedMetadata } = model;
  const custom = isJsonObject(userDefinedMetadata) ? Object.entries(userDefinedMetadata) : [];
  return toDeclared([['generatedBy', generatedBy], ['convertedBy', convertedBy], ...custom]);
}

async function toCheckpoint(model: JsonObject, files: readonly CheckpointFile[]): Promise<OpenCheckpoint> {
  const { placed, texts } = await placeWeights(parseManifest(model), files);
  const names = uniqueNames(placed.map(({ spec }) => spec.name));
  const weightOf = new Map(names.map((name, i) => [name, placed[i]]));
  const entries = placed.map((weight, i) => toEntry(weight, names[i] ?? ''));
  return {
    format: 'tfjs',
    files,
    ...describe(model, entries),
    declared: declaredBy(model),
    ...(texts.length === 0 ? {} : { unread: texts.map((name) => ({ name, reason: 'it holds texts' })) }),
    readTensor({ name }) {
      const weight = weightOf.get(name);
      invariant(weight !== undefined, `${name} is a tensor of this checkpoint`);
      return readElements(files, weight);
    },
    close: () => closeFiles(files),
  };
}

/** Opens a `model.json` and the files that its manifest names. */
export async function openTfjs(primary: ByteSource, files: FileSet): Promise<OpenCheckpoint> {
  const model = await readModelJson(primary);
  const names = [...new Set(parseManifest(model).flatMap((group) => group.paths))];
  const shards = await openSiblings(files, names, 'tfjs');
  try {
    return await toCheckpoint(model, [{ name: files.primary, source: primary }, ...shards]);
  } catch (error) {
    await closeFiles(shards);
    throw error;
  }
}
