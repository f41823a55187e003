export { npy } from './npy.ts';
export { npz } from './npz.ts';
