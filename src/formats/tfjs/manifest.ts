import { isInsideName } from '../../bytes/directory-files.ts';
import { badFile } from '../bad-file.ts';
import { isJsonObject, isShape, isTextList, type JsonObject } from '../json.ts';

/** The element types of tensors; texts are listed with their length before each. */
export type WeightType = 'float32' | 'int32' | 'bool' | 'complex64' | 'string';

/** How a tensor is stored more compactly: codes with scale and minimum, or binary16. */
export type Quantization =
  | { readonly dtype: 'float16' }
  | { readonly dtype: 'uint8' | 'uint16'; readonly scale: number; readonly min: number };

/** One tensor as the manifest states it. */
export interface WeightSpec {
  readonly name: string;
  readonly dtype: WeightType;
  readonly shape: readonly number[];
  readonly isOptimizer: boolean;
  readonly quantization?: Quantization;
}

/** Tensors that follow one another in the concatenation of some files. */
export interface WeightGroup {
  readonly paths: readonly string[];
  readonly weights: readonly WeightSpec[];
}

const TYPES: ReadonlyMap<unknown, WeightType> = new Map(
  (['float32', 'int32', 'bool', 'complex64', 'string'] as const).map((type) => [type, type]),
);

const fail = (rule: string) => badFile('tfjs', rule, 0);

function parseScales(quoted: string, quantization: JsonObject, dtype: 'uint8' | 'uint16'): Quantization {
  const { scale, min } = quantization;
  if (typeof scale !== 'number' || typeof min !== 'number') throw fail(`${quoted} must have a scale and a min`);
  return { dtype, scale, min };
}

function parseQuantization(quoted: string, value: unknown, type: WeightType): Quantization {
  if (!isJsonObject(value)) throw fail(`the quantization of ${quoted} must be an object`);
  const { dtype } = value;
  if (dtype === 'float16' && type === 'float32') return { dtype };
  const isCoded = dtype === 'uint8' || dtype === 'uint16';
  if (isCoded && (type === 'float32' || type === 'int32')) return parseScales(quoted, value, dtype);
  throw fail(`the quantization ${JSON.stringify(dtype)} of ${quoted} is not supported for ${type}`);
}

function parseSpec(value: unknown): WeightSpec {
  if (!isJsonObject(value) || typeof value.name !== 'string') throw fail('a weight must be an object with a name');
  const quoted = JSON.stringify(value.name);
  const dtype = TYPES.get(value.dtype);
  if (dtype === undefined) throw fail(`the dtype ${JSON.stringify(value.dtype)} of ${quoted} is not supported`);
  if (!isShape(value.shape)) throw fail(`the shape of ${quoted} must be whole numbers`);
  const spec = { name: value.name, dtype, shape: value.shape, isOptimizer: value.group === 'optimizer' };
  if (value.quantization === undefined) return spec;
  return { ...spec, quantization: parseQuantization(quoted, value.quantization, dtype) };
}

function parseGroup(value: unknown): WeightGroup {
  if (!isJsonObject(value)) throw fail('a group of weightsManifest must be an object');
  const { paths, weights } = value;
  if (!isTextList(paths) || !paths.every(isInsideName)) throw fail('the paths of a group must be files beside it');
  if (!Array.isArray(weights)) throw fail('a group must have a list of weights');
  return { paths, weights: weights.map(parseSpec) };
}

/**
 * Reads the `weightsManifest` of a `model.json` (tfjs-core, `io/types.ts`, "WeightsManifestConfig").
 *
 * @throws BadFileError one for each rule.
 */
export function parseManifest(model: JsonObject): readonly WeightGroup[] {
  if (!Array.isArray(model.weightsManifest)) throw fail('there must be a weightsManifest');
  return model.weightsManifest.map(parseGroup);
}
