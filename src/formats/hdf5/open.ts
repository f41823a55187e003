import { invariant } from '../../assert.ts';
import type { ByteSource } from '../../bytes/source.ts';
import { badFile } from '../bad-file.ts';
import { toDeclared } from '../declared.ts';
import type { CheckpointFile, Declared, FormatName, OpenCheckpoint, TensorEntry } from '../format.ts';
import { isJsonObject, parseJson } from '../json.ts';
import { nameTensors } from '../keras/names.ts';
import { describeLayers } from '../keras/topology.ts';
import { classifyRole } from '../roles.ts';
import { uniqueNames } from '../unique-names.ts';
import { closeFiles, readVerbatim } from '../verbatim.ts';
import { type Hdf5Tensor, readDataset, toTensors } from './datasets.ts';
import { listHdf5 } from './engine.ts';
import type { ListedGroup } from './protocol.ts';

/** An HDF5 file, or one inside another file. */
export interface Hdf5Place {
  readonly format: FormatName;
  readonly files: readonly CheckpointFile[];
  /** The HDF5 file itself. */
  readonly source: ByteSource;
  /** Where it stands in the first of the files; absent when it does not stand there as it is. */
  readonly offset?: number;
  /** The Keras model's configuration, where another file holds it. */
  readonly model?: unknown;
  readonly declared?: Declared;
}

/** Variables that count or remember, below these groups: Keras 3 keeps them beside the weights. */
const STATE_GROUP = /(^|\/)(metrics|seed_generator|[\w]*seed_generator(_\d+)?)\//;

function attributeOf(groups: readonly ListedGroup[], name: string): string | number | undefined {
  return groups.find(({ path }) => path === '')?.attributes[name];
}

/** The Keras configuration in the root's `model_config`. */
function findModel(groups: readonly ListedGroup[]): unknown {
  const text = attributeOf(groups, 'model_config');
  return typeof text === 'string' ? parseJson(text) : undefined;
}

/** What the optimizer was, by the root's `training_config`. */
function optimizerEntries(groups: readonly ListedGroup[]): readonly (readonly [string, unknown])[] {
  const text = attributeOf(groups, 'training_config');
  const training = typeof text === 'string' ? parseJson(text) : undefined;
  const optimizer = isJsonObject(training) ? training.optimizer_config : undefined;
  if (!isJsonObject(optimizer)) return [];
  const config = isJsonObject(optimizer.config) ? optimizer.config : {};
  return [
    ['optimizer', optimizer.class_name],
    ['learning_rate', config.learning_rate ?? config.lr],
  ];
}

function declaredBy(groups: readonly ListedGroup[]): Declared {
  const root = groups.find(({ path }) => path === '')?.attributes ?? {};
  return toDeclared([...optimizerEntries(groups), ...Object.entries(root)]);
}

function toEntry(tensor: Hdf5Tensor, name: string, offset: number | undefined): TensorEntry {
  const { dtype, shape, at, path } = tensor;
  const role = STATE_GROUP.test(path) ? 'state' : classifyRole(path, dtype);
  const entry = { name, dtype, shape, role } as const;
  return at === undefined || offset === undefined ? entry : { ...entry, at: { ...at, offset: at.offset + offset } };
}

/**
 * Opens an HDF5 file: its datasets of numbers are tensors, named as Keras names them where it is Keras's.
 *
 * @throws BadFileError when the library cannot read it, and when none of its datasets is a tensor.
 */
export async function openHdf5(place: Hdf5Place): Promise<OpenCheckpoint> {
  const { format, files, source, offset } = place;
  const { groups, datasets } = await listHdf5(source);
  const { tensors, unread } = toTensors(datasets, source.byteLength);
  if (tensors.length === 0 && unread.length > 0) {
    throw badFile(format, `a dataset must be readable as a tensor (of the first: ${unread[0]?.reason ?? ''})`);
  }
  const model = place.model ?? findModel(groups);
  const isKeras = model !== undefined || attributeOf(groups, 'keras_version') !== undefined;
  const names = uniqueNames(isKeras ? nameTensors(tensors, groups, model) : tensors.map(({ path }) => path));
  const byName = new Map(tensors.map((tensor, i) => [names[i] ?? '', tensor]));
  const entries = tensors.map((tensor, i) => toEntry(tensor, names[i] ?? '', offset));
  return {
    format,
    files,
    ...(isKeras ? describeLayers(model, entries) : { tensors: entries }),
    declared: { ...declaredBy(groups), ...place.declared },
    ...(unread.length === 0 ? {} : { unread }),
    readTensor(entry) {
      const tensor = byName.get(entry.name);
      invariant(tensor !== undefined, `${entry.name} is a tensor of this checkpoint`);
      return entry.at === undefined ? readDataset(source, tensor) : readVerbatim(files, entry);
    },
    close: () => closeFiles(files),
  };
}
