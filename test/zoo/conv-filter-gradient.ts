import * as tf from '@tensorflow/tfjs-core';

/**
 * The gradient of a convolution by its kernel, which the wasm backend lacks: patches of the input (as a matrix) times the gradient of
 * the output. Stride 1 and padding `valid` only, which is what the zoo's networks use.
 */
function convFilterGradient(x: tf.Tensor4D, dy: tf.Tensor4D, filter: readonly number[]): tf.Tensor {
  const [height = 1, width = 1, input = 1, output = 1] = filter;
  const [batch, outHeight, outWidth] = dy.shape;
  const offsets = Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width] as const);
  const patches = offsets.map(([row, column]) =>
    tf.slice4d(x, [0, row, column, 0], [batch, outHeight, outWidth, input]),
  );
  const rows = batch * outHeight * outWidth;
  const matrix = tf.reshape(tf.concat(patches, 3), [rows, offsets.length * input]);
  return tf.reshape(tf.matMul(matrix, tf.reshape(dy, [rows, output]), true, false), [height, width, input, output]);
}

function readAttributes(attrs: tf.NamedAttrMap | undefined): { readonly filterShape: readonly number[] } {
  const filterShape: unknown = attrs?.filterShape;
  const isSupported = attrs?.pad === 'valid' && String(attrs.strides) === '1,1' && Array.isArray(filterShape);
  if (!isSupported) throw new Error('The zoo trains convolutions of stride 1 and padding "valid" only.');
  return { filterShape };
}

/** A kernel gets bare data; operations take tensors. The tensor made here counts as another owner of the data. */
function borrow(info: tf.TensorInfo): tf.Tensor4D {
  tf.backend().incRef(info.dataId);
  return tf.engine().makeTensorFromTensorInfo(info) as tf.Tensor4D;
}

/** What a kernel returns is owned by whoever called it, no longer by the tensor. */
function giveBack(tensor: tf.Tensor): tf.TensorInfo {
  const { dataId, shape, dtype } = tensor;
  tf.backend().incRef(dataId);
  tensor.dispose();
  return { dataId, shape, dtype };
}

/** Registers the kernel with the wasm backend, unless a newer version of it has its own. */
export function registerConvFilterGradient(): void {
  if (tf.getKernel('Conv2DBackpropFilter', 'wasm') !== undefined) return;
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const { filterShape } = readAttributes(attrs);
      const { x, dy } = inputs;
      if (x === undefined || dy === undefined) throw new Error('A convolution has an input and a gradient.');
      const gradient = tf.tidy(() => convFilterGradient(borrow(x), borrow(dy), filterShape));
      return giveBack(gradient);
    },
  });
}
