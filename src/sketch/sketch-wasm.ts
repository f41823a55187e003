// Made from wasm/sketch.ts by "npm run build": do not edit.
/** A WebAssembly module of 67 bytes, in base64. */
export const SKETCH_WASM =
  'AGFzbQEAAAABBAFgAAACDwEDZW52Bm1lbW9yeQIAAAMCAQAHGAILcGxhY2Vob2xkZXIAAAZtZW1vcnkCAAoEAQIACw==';
