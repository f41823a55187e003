import { deflateSync, gzipSync } from 'node:zlib';
import { zipBytes } from '../zip-bytes.ts';
import { f32, join, latin1, u64 } from './bytes.ts';
import { type Seed, seedOf } from './seed.ts';

/** Opcodes of protocol 2, as Latin-1. */
const text = (value: string): string =>
  `X${latin1Of(join(new Uint8Array(Uint32Array.of(value.length).buffer), value))}`;
const int = (value: number): string => `K${String.fromCharCode(value)}`;
const tuple = (...values: readonly string[]): string => `(${values.join('')}t`;
const latin1Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const dict = (...pairs: readonly string[]): string => `}(${pairs.join('')}u`;
const counts = (values: readonly number[]): string => tuple(...values.map(int));

interface View {
  readonly key?: string;
  readonly count?: number;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly offset?: number;
  readonly storageClass?: string;
}

function storage({ key = '0', count = 4, storageClass = 'FloatStorage' }: View, legacyView = ''): string {
  return `(${text('storage')}ctorch\n${storageClass}\n${text(key)}${text('cpu')}${int(count)}${legacyView}tQ`;
}

function view(of: View, legacyView = ''): string {
  const { shape = [2, 2], strides = [2, 1], offset = 0 } = of;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage(of, legacyView)}${int(offset)}${counts(shape)}${counts(strides)}\x89}tR`;
}

const parameter = (value: string): string => `ctorch._utils\n_rebuild_parameter\n(${value}\x88}tR`;
const quantized = `ctorch._utils\n_rebuild_qtensor\n(${storage({ key: '1', count: 8, storageClass: 'QInt8Storage' })}${int(0)}${counts([8])}${counts([1])}(ctorch\nper_tensor_affine\nG\x3f\xb0\0\0\0\0\0\0${int(3)}t\x89}tR`;
const moments = dict(
  text('state'),
  dict(int(0), dict(text('step'), int(7), text('exp_avg'), view({}))),
  text('param_groups'),
  ']',
);

/** What a trainer saves: weights, an optimizer, counters, a list, a view, a transposed view and codes. */
const CHECKPOINT = `\x80\x02${dict(
  ...[text('epoch'), int(3), text('lr'), 'G\x3f\x50\x62\x4d\xd2\xf1\xa9\xfc'],
  ...[
    text('model'),
    `ccollections\nOrderedDict\n)R(${text('fc.weight')}${view({})}${text('fc.bias')}${parameter(view({ shape: [2], strides: [1], offset: 2 }))}u`,
  ],
  ...[text('transposed'), view({ strides: [1, 2] }), text('expanded'), view({ shape: [3, 2], strides: [0, 1] })],
  ...[
    text('codes'),
    quantized,
    text('optimizer'),
    moments,
    text('rest'),
    `](${int(1)}N\x88${view({ shape: [], strides: [] })}e`,
  ],
)}.`;

/** A whole pickled module: classes that are never made. */
const MODULE = `\x80\x02cmodels\nNet\n)\x81}(${text('_parameters')}}${text('_buffers')}${dict(text('mask'), view({}))}${text('_modules')}${dict(
  text('fc'),
  `ctorch.nn.modules.linear\nLinear\n)\x81}(${text('_parameters')}${dict(text('weight'), parameter(view({})), text('bias'), 'N')}${text('_buffers')}}${text('_modules')}}ub`,
)}ub.`;

const FLOATS = f32(1, -2, 0.5, 3);
const CODES = Buffer.from([1, 2, 3, 4, 252, 253, 254, 255]);

function archive(pickle: string, isDeflated: boolean, order?: string): Buffer {
  const member = (name: string, bytes: Uint8Array) => ({ name: `a/${name}`, bytes, isDeflated });
  return zipBytes([
    member('data.pkl', latin1(pickle)),
    ...(order === undefined ? [] : [member('byteorder', latin1(order))]),
    member('data/0', FLOATS),
    member('data/1', CODES),
    member('version', latin1('3\n')),
  ]);
}

function scripted(): Buffer {
  const constants = `\x80\x02${tuple(view({ key: '0' }))}.`;
  const root = `\x80\x02c__torch__.net\nNet\n)\x81}(${text('weight')}${view({})}${text('training')}\x88ub.`;
  return zipBytes(
    [
      { name: 'a/data.pkl', bytes: latin1(root) },
      { name: 'a/constants.pkl', bytes: latin1(constants) },
      { name: 'a/data/0', bytes: FLOATS },
      { name: 'a/constants/0', bytes: FLOATS },
      { name: 'a/code/__torch__/net.py', bytes: latin1('class Net(Module):\n') },
      { name: 'a/version', bytes: latin1('3\n') },
    ].map((member) => ({ ...member, isDeflated: false })),
  );
}

/** The stream of `torch.save` before 1.6; storages are in the order of their keys. */
function legacy(): Buffer {
  const magic = `\x8a\x0a${latin1Of(Buffer.from('6cfc9c46f9206aa85019', 'hex'))}`;
  const root = dict(
    text('w'),
    view({}, 'N'),
    text('part'),
    view({ shape: [2], strides: [1] }, tuple(text('v'), int(1), int(2))),
  );
  const pickles = [magic, 'M\xe9\x03', dict(text('little_endian'), '\x88'), root, `]${text('0')}a`];
  return join(...pickles.map((pickle) => latin1(`\x80\x02${pickle}.`)), u64(4), FLOATS);
}

/** A pickled array of NumPy: `_reconstruct` with its state. */
const dtype = (code: string, order = '<'): string =>
  `cnumpy\ndtype\n(U${String.fromCharCode(code.length)}${code}K\0K\x01tR(K\x03U\x01${order}NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb`;
const bytes = (data: Uint8Array): string =>
  `B${latin1Of(new Uint8Array(Uint32Array.of(data.byteLength).buffer))}${latin1Of(data)}`;
const array = (shape: readonly number[], code: string, data: Uint8Array, order = '<'): string =>
  `cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\x01btR(K\x01${counts(shape)}${dtype(code, order)}\x89${bytes(data)}tb`;
const ESTIMATOR = `\x80\x02csklearn.linear_model\nLinear\n)\x81}(${text('coef_')}${array([2, 2], 'f4', FLOATS)}${text('n_iter_')}${int(9)}${text('big')}${array([2], 'f8', FLOATS, '>')}${text('parts')}](${array([4], 'f4', FLOATS)}eub.`;

/** joblib's wrapper: the elements follow the opcode that builds it. */
const WRAPPED = `\x80\x02(cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(U\x05shape${counts([2, 2])}U\x05dtype${dtype('f4')}U\x05orderU\x01Cub${latin1Of(FLOATS)}t.`;

/** Everything that is a pickle, or holds one. */
export function pickleSeeds(): readonly Seed[] {
  return [
    seedOf('pytorch-zip', 'checkpoint.pt', archive(CHECKPOINT, false)),
    seedOf('pytorch-zip', 'deflated.pt', archive(CHECKPOINT, true, 'little')),
    seedOf('pytorch-zip', 'big.pt', archive(CHECKPOINT, false, 'big')),
    seedOf('pytorch-zip', 'module.pt', archive(MODULE, false)),
    seedOf('pytorch-zip', 'scripted.pt', scripted()),
    seedOf('pytorch-legacy', 'legacy.pt', legacy()),
    seedOf('sb3', 'agent.zip', sb3()),
    seedOf('pickle', 'estimator.pkl', latin1(ESTIMATOR)),
    seedOf('pickle', 'wrapped.joblib', latin1(WRAPPED)),
    seedOf('pickle', 'zlib.pkl.z', deflateSync(latin1(WRAPPED))),
    seedOf('pickle', 'gzip.pkl.gz', gzipSync(latin1(ESTIMATOR))),
  ];
}

function sb3(): Buffer {
  const state = `\x80\x02${dict(text('mlp.weight'), view({}))}.`;
  return zipBytes([
    { name: 'data', bytes: latin1('{"num_timesteps": 100, "seed": 1}'), isDeflated: false },
    { name: 'policy.pth', bytes: archive(state, false), isDeflated: false },
    { name: 'policy.optimizer.pth', bytes: archive(`\x80\x02${moments}.`, false), isDeflated: true },
    { name: 'pytorch_variables.pth', bytes: legacy(), isDeflated: false },
  ]);
}
