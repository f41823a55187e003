export { decodeManifest } from './manifest-decode.ts';
export { encodeManifest } from './manifest-encode.ts';
export type { Manifest, ManifestFile, ManifestTensor, Segment } from './manifest-model.ts';
