import type { Format } from '../format.ts';
import { openTfjs } from './open.ts';

/** Keys that only a TensorFlow.js model has. */
const SIGNS = /"(modelTopology|weightsManifest)"\s*:|"format"\s*:\s*"(layers|graph)-model"/;

/** TensorFlow.js: `model.json` with its weight files, a layers model or a graph model. */
export const tfjs: Format = {
  name: 'tfjs',
  matches(head) {
    const text = Buffer.from(head).toString('latin1');
    return /^\s*\{/.test(text) && SIGNS.test(text);
  },
  open: openTfjs,
};
export { writeTfjs } from './write.ts';
