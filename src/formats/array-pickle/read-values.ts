import { badFile } from '../bad-file.ts';
import { asCount, asText, type PickleObject, type PickleValue, readPickle } from '../pickle/index.ts';
import { byteLengthOf, findPickledArray, findWrapper, readForm, readShape, type StatedArray } from './array-values.ts';

/** An array of numbers whose bytes stand between opcodes. */
export interface InlineArray extends StatedArray {
  readonly bytes: Uint8Array;
}

/** What a file holds: a value, and what joblib put beside it. */
export interface PickledValues {
  readonly root: PickleValue;
  /** By the wrapper that stands for the array in the value. */
  readonly inline: ReadonlyMap<PickleValue, InlineArray>;
  /** Files that wrappers name, in file order. */
  readonly sideNames: readonly string[];
}

/** Side files are one an array. */
const MAX_SIDE_FILES = 10_000;

/**
 * Reads a pickle with the raw arrays that joblib since 0.10 writes behind their wrappers' BUILD. Arrays of objects become lists, so that
 * what they hold has the path that it has in Python.
 *
 * @throws BadFileError when it breaks a rule.
 */
export function readValues(bytes: Uint8Array): PickledValues {
  const inline = new Map<PickleValue, InlineArray>();
  const sideNames = new Set<string>();
  const nodes = { count: 0 };

  /** Inside an array of objects no raw bytes stand: joblib leaves it to the plain pickler. */
  function unwrapObjects(node: PickleObject, position: number): number {
    const array = findPickledArray(node);
    if (array !== undefined && 'objects' in array.form) node.state = array.data;
    return position;
  }

  function afterBuild(node: PickleObject, position: number): number {
    const wrapper = findWrapper(node, 'NumpyArrayWrapper');
    if (wrapper !== undefined) return readInline(node, wrapper, position);
    const side = findWrapper(node, 'NDArrayWrapper') ?? findWrapper(node, 'ZNDArrayWrapper');
    const name = asText(side?.get('filename'));
    if (name !== undefined) sideNames.add(name);
    if (sideNames.size > MAX_SIDE_FILES) throw badFile('pickle', `there must not be over ${MAX_SIDE_FILES} side files`);
    return unwrapObjects(node, position);
  }

  function readInline(node: PickleObject, wrapper: ReadonlyMap<string, PickleValue>, position: number): number {
    const form = readForm(wrapper.get('dtype'));
    if ('unread' in form) throw badFile('pickle', `an array must be of a known length: ${form.unread}`, position);
    if ('objects' in form) {
      const nested = readPickle(bytes, { start: position, afterBuild: unwrapObjects, nodes });
      node.state = nested.value;
      return nested.end;
    }
    const start = position + paddingAt(bytes, position, wrapper.get('numpy_array_alignment_bytes'));
    const shape = readShape(wrapper.get('shape'));
    const end = start + byteLengthOf(shape, form);
    if (end > bytes.byteLength) throw badFile('pickle', 'the bytes of an array must be inside the file', start);
    const isFortran = asText(wrapper.get('order')) === 'F';
    inline.set(node, { form, shape, isFortran, bytes: bytes.subarray(start, end) });
    return end;
  }

  const { value } = readPickle(bytes, { afterBuild, nodes });
  return { root: value, inline, sideNames: [...sideNames] };
}

/** Since 1.2 the elements are aligned: a byte says by how much, which is behind it. */
function paddingAt(bytes: Uint8Array, position: number, alignment: PickleValue | undefined): number {
  if (asCount(alignment) === undefined) return 0;
  const byteLength = bytes[position];
  if (byteLength === undefined) throw badFile('pickle', 'an array must begin with its padding', position);
  return 1 + byteLength;
}
