import { spawnSync } from 'node:child_process';

/** Python modules that tests take as peers; an interpreter is chosen by how many of them it finds. */
const PEER_MODULES = ['torch', 'numpy', 'scipy', 'h5py', 'onnx', 'safetensors'];

interface Interpreter {
  readonly command: string;
  readonly modules: ReadonlySet<string>;
}

function inspect(command: string): Interpreter {
  const script = 'import sys,importlib.util as u\nprint(" ".join(m for m in sys.argv[1:] if u.find_spec(m)))';
  const run = spawnSync(command, ['-c', script, ...PEER_MODULES], { encoding: 'utf8' });
  return { command, modules: new Set(run.status === 0 ? run.stdout.trim().split(' ').filter(Boolean) : []) };
}

function chooseInterpreter(): Interpreter {
  const commands = [process.env.WSVC_PYTHON ?? 'python3', 'python3', '/usr/bin/python3'];
  const found = [...new Set(commands)].map(inspect);
  return found.reduce((best, next) => (next.modules.size > best.modules.size ? next : best));
}

const interpreter = chooseInterpreter();
const reported = new Set<string>();

/** Says whether the peer interpreter has a module; says so loudly, once, when it does not and tests are skipped for it. */
export function pythonHas(module: string): boolean {
  const has = interpreter.modules.has(module) || (!PEER_MODULES.includes(module) && inspectOne(module));
  if (!has && !reported.has(module)) {
    reported.add(module);
    console.warn(
      `SKIPPED: tests against Python's ${module}, which is not installed (WSVC_PYTHON names another interpreter).`,
    );
  }
  return has;
}

function inspectOne(module: string): boolean {
  const script = 'import sys,importlib.util as u\nsys.exit(0 if u.find_spec(sys.argv[1]) else 1)';
  return spawnSync(interpreter.command, ['-c', script, module]).status === 0;
}

/** Runs a Python script (its text) with arguments and returns what it printed. @throws Error with its stderr when it fails. */
export function runPython(script: string, ...args: readonly string[]): string {
  const run = spawnSync(interpreter.command, ['-c', script, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`Python failed: ${run.stderr}`);
  return run.stdout;
}
