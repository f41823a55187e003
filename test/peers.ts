import { spawnSync } from 'node:child_process';

/** The interpreters that may have the scientific packages: the first on the path need not be the system's. */
const CANDIDATES = ['python3', '/usr/bin/python3'];
const found = new Map<string, string | undefined>();

function canImport(python: string, modules: readonly string[]): boolean {
  return spawnSync(python, ['-c', `import ${modules.join(', ')}`], { stdio: 'ignore' }).status === 0;
}

/** The Python that has all these modules; `undefined` when there is none. */
function findPython(modules: readonly string[]): string | undefined {
  const key = modules.join(' ');
  if (!found.has(key)) {
    const python = CANDIDATES.find((candidate) => canImport(candidate, modules));
    found.set(key, python);
    if (python === undefined) console.warn(`SKIPPED: no python3 with ${key}; comparisons with it do not run.`);
  }
  return found.get(key);
}

/** True where a Python has all these modules: `pythonHas('torch')`. Says so once when there is none. */
export function pythonHas(...modules: readonly string[]): boolean {
  return findPython(modules) !== undefined;
}

/** Runs a script in the Python that has the modules; returns what it printed. */
export function runPythonWith(modules: readonly string[], script: string, ...args: readonly string[]): string {
  const python = findPython(modules);
  if (python === undefined) throw new Error(`no python3 with ${modules.join(', ')}`);
  const run = spawnSync(python, ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 1 << 30 });
  if (run.status !== 0) throw new Error(`python3 failed: ${run.stderr}`);
  return run.stdout;
}

/** Runs a script in the Python that has what it imports (`import torch, numpy` or `from x import y` at the start of a line). */
export function runPython(script: string, ...args: readonly string[]): string {
  const imports = [...script.matchAll(/^(?:import|from) ([\w., ]+?)(?: import .*)?$/gm)];
  const modules = imports.flatMap((match) =>
    (match[1] ?? '').split(',').map((name) => name.trim().split(' ')[0] ?? ''),
  );
  return runPythonWith([...new Set(modules.map((name) => name.split('.')[0] ?? ''))].sort(), script, ...args);
}
