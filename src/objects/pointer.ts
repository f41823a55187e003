export type { Pointer, PointerTensor } from './pointer-model.ts';
export { formatPointer, parsePointer } from './pointer-text.ts';
