export { npy } from './npy.ts';
export { npz } from './npz.ts';
export { writeNpz } from './write.ts';
