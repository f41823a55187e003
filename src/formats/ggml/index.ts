export { gguf } from './gguf.ts';
export { ggml } from './legacy.ts';
