// Bundles the program into dist/, one chunk a command, and writes the manifest that lets a command start without loading the others.
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildWasm } from './build-wasm.js';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
await buildWasm();
rmSync('dist', { recursive: true, force: true });

const commands = readdirSync('src/commands').filter((name) => /\.tsx?$/.test(name));
await build({
  entryPoints: [
    'src/index.ts',
    'src/cli/main.ts',
    'src/codec/coder-thread.ts',
    ...commands.map((name) => `src/commands/${name}`),
  ],
  outdir: 'dist',
  outbase: 'src',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  jsx: 'automatic',
  external: [
    'hnswlib-node',
    'fs-native-extensions',
    'msgpackr-extract',
    'react-devtools-core',
    'typescript',
    'ts-node',
  ],
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  define: { 'process.env.NODE_ENV': '"production"' },
  logLevel: 'warning',
});
const node = (...args) => execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
node('node_modules/typescript/bin/tsc', '-p', 'src');
node('node_modules/oclif/bin/run.js', 'manifest');
