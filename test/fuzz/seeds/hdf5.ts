import { zipBytes } from '../zip-bytes.ts';
import { latin1 } from './bytes.ts';
import { type Seed, seedOf } from './seed.ts';

const LAYERS = [
  { class_name: 'InputLayer', config: { name: 'input', batch_input_shape: [null, 2] } },
  { class_name: 'Dense', config: { name: 'dense', units: 2, activation: 'relu' } },
];
const MODEL = JSON.stringify({ class_name: 'Sequential', config: { name: 'net', layers: LAYERS } });

type Library = typeof import('h5wasm').default;
type File = InstanceType<Library['File']>;

/** Runs `write` on a new file in the library's memory. */
async function fileOf(write: (file: File) => void): Promise<Uint8Array> {
  const { default: library } = await import('h5wasm');
  const { FS } = await library.ready;
  const path = '/seed.h5';
  const file = new library.File(path, 'w');
  write(file);
  file.close();
  const bytes = new Uint8Array(FS.readFile(path));
  FS.unlink(path);
  return bytes;
}

function writePlain(file: File): void {
  file.create_dataset({ name: 'w', data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2, 3], dtype: '<f4' });
  file.create_group('group').create_dataset({ name: 'n', data: Int32Array.of(1, 2), shape: [2], dtype: '<i4' });
}

function writeChunked(file: File): void {
  const data = Float32Array.from({ length: 256 }, (_, i) => i % 7);
  const chunked = { data, shape: [16, 16], dtype: '<f4', chunks: [4, 8] };
  file.create_dataset({ name: 'deflated', ...chunked, compression: 4 });
  file.create_dataset({ name: 'chunked', ...chunked });
}

function writeKeras(file: File): void {
  file.create_attribute('keras_version', '2.11.0');
  file.create_attribute('model_config', MODEL);
  const layer = file.create_group('model_weights').create_group('dense').create_group('dense');
  layer.create_dataset({ name: 'kernel:0', data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], dtype: '<f4' });
  layer.create_dataset({ name: 'bias:0', data: Float32Array.of(1, 2), shape: [2], dtype: '<f4' });
}

function writeKeras3(file: File): void {
  const vars = file.create_group('layers').create_group('dense').create_group('vars');
  vars.create_dataset({ name: '0', data: Float32Array.of(1, 2, 3, 4), shape: [2, 2], dtype: '<f4' });
  vars.create_dataset({ name: '1', data: Float32Array.of(1, 2), shape: [2], dtype: '<f4' });
}

/** HDF5 as its own library writes it, and archives of Keras round it. */
export async function hdf5Seeds(): Promise<readonly Seed[]> {
  const weights = await fileOf(writeKeras3);
  const archive = (isDeflated: boolean) =>
    zipBytes([
      { name: 'metadata.json', bytes: latin1('{"keras_version": "3.0.0"}'), isDeflated },
      { name: 'config.json', bytes: latin1(MODEL), isDeflated },
      { name: 'model.weights.h5', bytes: weights, isDeflated },
    ]);
  return [
    seedOf('hdf5', 'plain.h5', await fileOf(writePlain)),
    seedOf('hdf5', 'chunked.h5', await fileOf(writeChunked)),
    seedOf('hdf5', 'keras.h5', await fileOf(writeKeras)),
    seedOf('keras', 'model.keras', archive(false)),
    seedOf('keras', 'deflated.keras', archive(true)),
  ];
}
