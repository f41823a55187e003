export type { Pointer, PointerTensor } from './pointer-model.ts';
export { formatPointer, isPointer, parsePointer, quoteName, unquoteName } from './pointer-text.ts';
