import type { FormatName, TensorRole } from '../formats/format.ts';
import type { DType } from '../tensors/dtype.ts';
import { rejectVersion } from './fields.ts';

/** The element types that stored records may name. */
const DTYPES = {
  f64: true,
  f32: true,
  f16: true,
  bf16: true,
  f8_e4m3: true,
  f8_e5m2: true,
  i64: true,
  i32: true,
  i16: true,
  i8: true,
  u64: true,
  u32: true,
  u16: true,
  u8: true,
  bool: true,
  c64: true,
  c128: true,
} as const satisfies Record<DType, true>;

/** The container formats that stored records may name. */
const FORMATS = {
  safetensors: true,
  'pytorch-zip': true,
  'pytorch-legacy': true,
  'pytorch-tar': true,
  sb3: true,
  npy: true,
  npz: true,
  tfjs: true,
  hdf5: true,
  keras: true,
  onnx: true,
  tflite: true,
  gguf: true,
  ggml: true,
  'tf-checkpoint': true,
  pickle: true,
  unknown: true,
} as const satisfies Record<FormatName, true>;

const ROLES = { weight: true, optimizer: true, state: true } as const satisfies Record<TensorRole, true>;

const isDType = (text: string): text is DType => Object.hasOwn(DTYPES, text);
const isFormatName = (text: string): text is FormatName => Object.hasOwn(FORMATS, text);
const isRole = (text: string): text is TensorRole => Object.hasOwn(ROLES, text);

/** @throws WsvcError `format-version` for a type that a newer wsvc has written. */
export const parseDType = (text: string): DType => (isDType(text) ? text : rejectVersion('element type', text));
/** @throws WsvcError `format-version` for a format that a newer wsvc has written. */
export const parseFormatName = (text: string): FormatName =>
  isFormatName(text) ? text : rejectVersion('container format', text);
/** @throws WsvcError `format-version` for a role that a newer wsvc has written. */
export const parseRole = (text: string): TensorRole => (isRole(text) ? text : rejectVersion('tensor role', text));
