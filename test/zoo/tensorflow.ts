import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { registerConvFilterGradient } from './conv-filter-gradient.ts';

/** An optional peer: not installed as a rule, and every error of loading it means "absent". */
async function importNative(): Promise<boolean> {
  const peer = '@tensorflow/tfjs-node';
  try {
    await import(peer);
    return await tf.setBackend('tensorflow');
  } catch {
    return false;
  }
}

/** Makes TensorFlow.js ready: with the native library where it is installed, else with WebAssembly. Returns which. */
export async function prepareTensorflow(): Promise<'tfjs-node' | 'wasm'> {
  if (await importNative()) return 'tfjs-node';
  registerConvFilterGradient();
  await tf.setBackend('wasm');
  await tf.ready();
  return 'wasm';
}
