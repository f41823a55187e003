// Hot loops of src/codec as WebAssembly, in AssemblyScript. Each does what the TypeScript function of the same name does, bit for bit;
// src/codec/kernels/ lays out the memory and calls them. Numbers are of at most 32 bits, in `width` bytes; all addresses are bytes.

export * from './codec/differences';
export * from './codec/floats';
export * from './codec/symbols';
export * from './codec/predict';
export * from './codec/contexts';
export * from './codec/changes';
