/** The files of src that hold the modules, with the text that the sources give. */
export function compileAll(): Promise<ReadonlyMap<string, string>>;
/** Writes those that changed. */
export function buildWasm(): Promise<void>;
/** True when the compiler is installed. */
export function hasCompiler(): boolean;
