// Compiles wasm/*.ts, with what they import, to WebAssembly and writes the modules into src, as text, so that the bundle and the tests need no file beside them.
// The compiler is deterministic: test/codec/kernels.test.ts compares what is committed with what the sources give.
import { readFileSync, writeFileSync } from 'node:fs';

const MODULES = {
  tensors: 'src/tensors/tensors-wasm.ts',
  codec: 'src/codec/kernels/codec-wasm.ts',
  sketch: 'src/sketch/sketch-wasm.ts',
  lineage: 'src/lineage/lineage-wasm.ts',
  neighbors: 'src/neighbors/neighbors-wasm.ts',
  symmetry: 'src/symmetry/symmetry-wasm.ts',
};
const FLAGS = ['-O3', '--runtime', 'stub', '--noAssert', '--enable', 'simd', '--importMemory'];

/** Compiles one module: its bytes. */
async function compile(name) {
  const { main } = await import('assemblyscript/asc');
  let bytes;
  const { error, stderr } = await main([`wasm/${name}.ts`, ...FLAGS, '--outFile', 'out.wasm'], {
    readFile: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return null;
      }
    },
    writeFile: (path, data) => {
      if (path.endsWith('.wasm')) bytes = data;
    },
    listFiles: () => [],
  });
  if (error) throw new Error(`wasm/${name}.ts: ${stderr}`);
  return bytes;
}

function toSource(name, bytes) {
  const text = Buffer.from(bytes).toString('base64');
  return [
    `// Made from wasm/${name}.ts by "npm run build": do not edit.`,
    `/** A WebAssembly module of ${bytes.length} bytes, in base64. */`,
    `export const ${name.toUpperCase()}_WASM =`,
    `  '${text}';`,
    '',
  ].join('\n');
}

/** The files of src that hold the modules, with the text that the sources give. */
export async function compileAll() {
  const files = new Map();
  for (const [name, path] of Object.entries(MODULES)) files.set(path, toSource(name, await compile(name)));
  return files;
}

/** True when the compiler is installed: after "npm ci", not where development packages were left out. */
export function hasCompiler() {
  try {
    import.meta.resolve('assemblyscript/asc');
    return true;
  } catch {
    return false;
  }
}

/** Writes those that changed; without the compiler the committed ones stay. */
export async function buildWasm() {
  if (!hasCompiler()) {
    process.stderr.write('assemblyscript is not installed: the committed WebAssembly modules are taken as they are.\n');
    return;
  }
  for (const [path, text] of await compileAll()) {
    let old = '';
    try {
      old = readFileSync(path, 'utf8');
    } catch {}
    if (old !== text) writeFileSync(path, text);
  }
}
