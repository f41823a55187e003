import { deflateSync, gzipSync } from 'node:zlib';
import { f32, join, latin1, u32, u64 } from './seeds/bytes.ts';
import type { Files } from './seeds/seed.ts';
import { type Member, zipBytes } from './zip-bytes.ts';

const MIB = 2 ** 20;

/** A file made to do harm, and the rule that stops it; none where it is valid, and only has to be read within bounds. */
export interface Bomb {
  readonly name: string;
  readonly files: Files;
  readonly rule?: RegExp;
}

const stored = (name: string, bytes: Uint8Array): Member => ({ name, bytes, isDeflated: false });
const deflated = (name: string, bytes: Uint8Array): Member => ({ name, bytes, isDeflated: true });
const zeros = (mebibytes: number): Uint8Array => new Uint8Array(mebibytes * MIB);
const text = (value: string): Buffer => latin1(value);
const STATE = text('\x80\x02}.');

function npyHeader(shape: string): Buffer {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`.padEnd(117);
  return Buffer.concat([text('\x93NUMPY\x01\0\x76\0'), text(`${header}\n`)]);
}

/** A directory that lists one member many times: an archive of kilobytes that holds gigabytes. */
function overlapping(): Buffer {
  const whole = zipBytes([deflated('a.npy', zeros(8))]);
  const start = whole.indexOf('PK\x01\x02', 0, 'latin1');
  const end = whole.indexOf('PK\x05\x06', start, 'latin1');
  const record = whole.subarray(start, end);
  const tail = Buffer.from(whole.subarray(end));
  tail.writeUInt16LE(1000, 8);
  tail.writeUInt16LE(1000, 10);
  tail.writeUInt32LE(record.byteLength * 1000, 12);
  return Buffer.concat([whole.subarray(0, start), ...Array<Buffer>(1000).fill(record), tail]);
}

/** Zip in zip in zip, none of which is a model. */
function nestedZips(depth: number): Buffer {
  let archive = zipBytes([deflated('data.pkl', STATE)]);
  for (let i = 0; i < depth; i += 1) archive = zipBytes([deflated('data.pkl', archive)]);
  return archive;
}

const deepJson = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

function safetensors(header: string, data = 0): Buffer {
  return join(u64(Buffer.byteLength(header)), header, new Uint8Array(data));
}

/** A thousand tensors of one stretch of bytes. */
function shared(): string {
  const tensor = '{"dtype":"F32","shape":[256],"data_offsets":[0,1024]}';
  return `{${Array.from({ length: 1000 }, (_, i) => `"t${i}":${tensor}`).join(',')}}`;
}

function gguf(count: bigint, pairs: bigint, rest: Uint8Array): Buffer {
  return join('GGUF', u32(3), u64(count, pairs), rest);
}

/** Files that other readers were broken by, each the smallest that shows it. */
export function makeBombs(): readonly Bomb[] {
  const bomb = (name: string, fileName: string, bytes: Uint8Array, rule?: RegExp): Bomb =>
    rule === undefined ? { name, files: { [fileName]: bytes } } : { name, files: { [fileName]: bytes }, rule };
  return [
    bomb('npz: 256 MiB of zeros', 'm.npz', zipBytes([deflated('w.npy', join(npyHeader('(67108864,)'), zeros(256)))])),
    bomb('npz: one member a thousand times', 'm.npz', overlapping(), /overlap/),
    bomb(
      'npz: a member that claims more than deflate can hold',
      'm.npz',
      zipBytes([{ ...deflated('w.npy', zeros(1)), says: { byteLength: 0x7fffffff } }]),
      /must not claim more/,
    ),
    bomb(
      'npz: a member that holds more than it claims',
      'm.npz',
      zipBytes([{ ...deflated('w.npy', join(npyHeader('(4,)'), zeros(64))), says: { byteLength: 144 } }]),
      /not hold more/,
    ),
    bomb(
      'pytorch: a pickle of 256 MiB of zeros',
      'm.pt',
      zipBytes([deflated('a/data.pkl', zeros(256))]),
      /must not inflate to over/,
    ),
    bomb('pytorch: zip in zip in zip', 'm.pt', nestedZips(40), /./),
    bomb(
      'sb3: a policy of 256 MiB of zeros',
      'm.zip',
      zipBytes([stored('data', text('{}')), deflated('policy.pth', zeros(256))]),
      /must not/,
    ),
    bomb(
      'sb3: settings of 60 MiB',
      'm.zip',
      zipBytes([deflated('data', zeros(60)), stored('policy.pth', zipBytes([stored('a/data.pkl', STATE)]))]),
      /must not inflate to over/,
    ),
    bomb(
      'keras: weights of 256 MiB of zeros',
      'm.keras',
      zipBytes([deflated('model.weights.h5', zeros(256))]),
      /must not inflate to over/,
    ),
    bomb(
      'keras: a configuration of 90 MiB',
      'm.keras',
      zipBytes([deflated('config.json', zeros(90)), stored('model.weights.h5', zeros(1))]),
      /must/,
    ),
    bomb('pickle: gzip of 256 MiB of zeros', 'm.pkl.gz', gzipSync(zeros(256)), /must not inflate to over/),
    bomb('pickle: zlib in zlib', 'm.pkl.z', deflateSync(deflateSync(deflateSync(zeros(64)))), /./),
    bomb('pickle: two million marks', 'm.pkl', text(`\x80\x02${'('.repeat(2e6)}.`), /must/),
    bomb(
      'pickle: half a million lists in one another',
      'm.pkl',
      text(`\x80\x02${']'.repeat(5e5)}${'a'.repeat(5e5 - 1)}.`),
      /must/,
    ),
    bomb('pickle: five million lists', 'm.pkl', text(`\x80\x02(${']'.repeat(5e6)}t.`), /must not hold more than/),
    bomb('pickle: a list that holds itself', 'm.pkl', text('\x80\x02]q\x01h\x01a.'), /must hold/),
    bomb(
      'pickle: a billion laughs',
      'm.pkl',
      text(`\x80\x02]q\0${'(h\0h\0h\0h\0h\0h\0h\0h\0h\0h\0lq\0'.repeat(40)}.`),
      /must/,
    ),
    bomb('pickle: a long of two gigabytes', 'm.pkl', text('\x80\x02\x8b\xff\xff\xff\x7f.'), /must/),
    bomb('pickle: a memo entry far out', 'm.pkl', text('\x80\x02Nr\xff\xff\xff\x7f.'), /must/),
    bomb('pickle: a long number in digits', 'm.pkl', text(`L${'9'.repeat(2e6)}L\n.`), /must/),
    bomb('safetensors: a thousand tensors of the same bytes', 'm.safetensors', safetensors(shared(), 1024), /must/),
    bomb('safetensors: a header in a million brackets', 'm.safetensors', safetensors(`{"a":${deepJson(1e6)}}`), /must/),
    bomb(
      'safetensors: a shape of 2^53',
      'm.safetensors',
      safetensors('{"t":{"dtype":"F32","shape":[9007199254740991,9007199254740991],"data_offsets":[0,0]}}'),
      /must/,
    ),
    bomb(
      'safetensors: an index that leaves the folder',
      'model.safetensors.index.json',
      text('{"weight_map":{"a":"../../../../etc/passwd"}}'),
      /must|leaves/,
    ),
    bomb(
      'tfjs: a topology in 100,000 brackets',
      'model.json',
      text(`{"modelTopology":${deepJson(1e5)},"weightsManifest":[]}`),
    ),
    bomb(
      'tfjs: weights of 2^50 elements',
      'model.json',
      text('{"weightsManifest":[{"paths":[],"weights":[{"name":"w","dtype":"float32","shape":[1125899906842624]}]}]}'),
      /must/,
    ),
    bomb('npy: a header of 4 GiB', 'm.npy', text('\x93NUMPY\x02\0\xff\xff\xff\xff{'), /must/),
    bomb('npy: a shape of many brackets', 'm.npy', npyHeader(`${'('.repeat(30)}${')'.repeat(30)}`), /must/),
    bomb('gguf: 2^62 tensors', 'm.gguf', gguf(1n << 62n, 0n, new Uint8Array(0)), /must/),
    bomb(
      'gguf: an array of 2^61 empty texts',
      'm.gguf',
      gguf(0n, 1n, join(u64(1), 'x', u32(9), u32(8), u64(1n << 61n))),
      /must/,
    ),
    bomb(
      'gguf: an array of four million arrays',
      'm.gguf',
      gguf(0n, 1n, join(u64(1), 'x', u32(9), u32(9), u64(4_000_000), new Uint8Array(100))),
      /must/,
    ),
    bomb('onnx: a message in 100,000 messages', 'm.onnx', nestedMessages(20_000)),
    bomb('tar: one member on and on', 'm.tar', Buffer.alloc(10_240, 0x20), /./),
    bomb('torch: floats', 'm.bin', join(f32(1, 2), zeros(1)), /./),
  ];
}

function nestedMessages(depth: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (let i = 0; i < depth; i += 1) {
    const bytes: number[] = [0x3a];
    let rest = length;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    const head = Buffer.from([...bytes, rest]);
    parts.unshift(head);
    length += head.byteLength;
  }
  return Buffer.concat([Buffer.from([8, 8]), ...parts]);
}
