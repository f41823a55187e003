/**
 * Trains a small zoo, takes its labels away, and lets the built program find out what belongs together. Everything printed is
 * what happened; the exit code is 1 when an answer is wrong, 2 when the program fails.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256Hex } from '../../src/bytes/sha256.ts';
import type { IdentificationResult, TrajectoryResult } from '../../src/repo/lineage-results.ts';
import { type Digits, loadDigits } from '../zoo/digits.ts';
import { prepareTensorflow } from '../zoo/tensorflow.ts';
import { type Checkpoint, measureAccuracy, type RunPlan, trainRun } from '../zoo/train.ts';
import { writeSnapshot, type ZooFormat } from '../zoo/write-files.ts';
import { checkIdentification, checkTrajectories } from './checked.ts';
import { runCli } from './run-cli.ts';
import { formatBar, formatBytes, formatTable } from './table.ts';
import { judgeTrajectory, type TrueRun, type Truth, type Verdict } from './truth.ts';

const DIGITS = 1500;
const FORMATS: readonly ZooFormat[] = ['safetensors', 'pytorch-zip', 'npz', 'tfjs'];
/** Trained, but kept back: the program is asked about it later. */
const HELD_OUT: Truth = { run: 'seed 2', epoch: 5 };
const STORED: Truth = { run: 'seed 1', epoch: 6 };
const FORK: TrueRun = { name: 'fork of seed 0', forkedFrom: { run: 'seed 0', epoch: 4 } };
const STRANGER = 'stranger';

const isSame = (a: Truth, b: Truth): boolean => a.run === b.run && a.epoch === b.epoch;

function planZoo(digits: Digits, otherDigits: Digits): readonly (RunPlan & { readonly forkedFrom?: Truth })[] {
  const base = { architecture: 'cnn' as const, learningRate: 0.002, epochs: 8, digits };
  const runs = [0, 1, 2, 3].map((seed) => ({ ...base, name: `seed ${seed}`, seed }));
  const fork = { ...base, ...FORK, seed: 10, epochs: 5, digits: otherDigits };
  return [...runs, fork, { ...base, name: STRANGER, seed: 4, epochs: 4 }];
}

async function train(): Promise<readonly Checkpoint[]> {
  const [digits, others, unseen] = [loadDigits(0, DIGITS), loadDigits(DIGITS, DIGITS), loadDigits(2 * DIGITS, 500)];
  const plans = planZoo(digits, others);
  const total = plans.reduce((sum, { epochs }) => sum + epochs, 0);
  console.log(
    `Training ${plans.length} small networks on ${digits.source === 'generated' ? 'generated' : 'MNIST'} digits.`,
  );
  const checkpoints: Checkpoint[] = [];
  for (const { forkedFrom, ...plan } of plans) {
    const from = checkpoints.find(({ run, epoch }) => forkedFrom !== undefined && isSame({ run, epoch }, forkedFrom));
    for await (const checkpoint of trainRun(from === undefined ? plan : { ...plan, from })) {
      checkpoints.push(checkpoint);
      if (process.stderr.isTTY) process.stderr.write(`\r  ${formatBar(checkpoints.length, total)} `);
    }
    const last = checkpoints.at(-1);
    const accuracy = last === undefined ? 0 : measureAccuracy({ ...plan, digits: unseen }, last);
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    console.log(
      `  ${plan.name.padEnd(16)} ${String(plan.epochs).padStart(2)} epochs, ${(100 * accuracy).toFixed(0)} % of unseen digits right`,
    );
  }
  return checkpoints;
}

/** Writes a checkpoint under a name that tells nothing, in a format that tells nothing either. */
async function writeAnonymous(folder: string, checkpoint: Checkpoint, format: ZooFormat): Promise<string> {
  const label = new TextEncoder().encode(`${checkpoint.run}/${checkpoint.epoch}`);
  return writeSnapshot(folder, checkpoint.snapshot, { format, name: sha256Hex(label).slice(0, 8) });
}

async function folderByteLength(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => stat(join(folder, name))));
  return sizes.reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}

function showTrajectories(trajectories: readonly TrajectoryResult[], verdicts: readonly Verdict[]): void {
  const head = ['recovered', 'direction', 'truth', 'epochs, in the recovered order', 'forked from', ''];
  const rows = verdicts.map((verdict, i) => [
    verdict.recovered,
    trajectories[i]?.direction ?? '',
    verdict.runs.join(' + '),
    verdict.epochs.join(' '),
    verdict.forkedFrom,
    verdict.isRight ? 'right' : `WRONG: ${verdict.why}`,
  ]);
  console.log(formatTable([head, ...rows]));
}

function showIdentification(what: string, result: IdentificationResult, truth: ReadonlyMap<string, Truth>): void {
  const nearest = result.nearest === null ? undefined : truth.get(result.nearest.source);
  console.log(`  truth:  ${what}`);
  if (!result.known) {
    console.log(`  answer: not known (confidence ${result.confidence.toFixed(4)})`);
    return;
  }
  const near =
    nearest === undefined ? '' : `, nearest to ${nearest.run}, epoch ${nearest.epoch} (${result.nearest?.source})`;
  console.log(`  answer: ${result.relation}${near}`);
  console.log(
    `          ${result.trajectory}, position ${result.position?.toFixed(2)}, confidence ${result.confidence.toFixed(4)}`,
  );
}

interface Demo {
  readonly folder: string;
  readonly checkpoints: readonly Checkpoint[];
  /** By the path that the program was given. */
  readonly truth: Map<string, Truth>;
  readonly problems: string[];
}

function find(demo: Demo, wanted: Truth): Checkpoint {
  const found = demo.checkpoints.find(({ run, epoch }) => isSame({ run, epoch }, wanted));
  if (found === undefined) throw new Error(`There is no checkpoint ${wanted.epoch} of ${wanted.run}.`);
  return found;
}

async function writePile(demo: Demo): Promise<number> {
  const imported = demo.checkpoints.filter(({ run, epoch }) => run !== STRANGER && !isSame({ run, epoch }, HELD_OUT));
  for (const [i, checkpoint] of imported.entries()) {
    const format = FORMATS[i % FORMATS.length] ?? 'safetensors';
    const name = await writeAnonymous(join(demo.folder, 'pile'), checkpoint, format);
    demo.truth.set(`pile/${name}`, { run: checkpoint.run, epoch: checkpoint.epoch });
  }
  return imported.length;
}

function recover(demo: Demo): readonly TrajectoryResult[] {
  runCli(demo.folder, ['init'], (value) => value);
  runCli(demo.folder, ['import', 'pile'], checkTrajectories);
  const { trajectories } = runCli(demo.folder, ['log', '--trajectory'], checkTrajectories);
  const names = [...new Set([...demo.truth.values()].map(({ run }) => run))];
  const runs = names.map((name) => (name === FORK.name ? FORK : { name }));
  const verdicts = trajectories.map((trajectory) => judgeTrajectory(trajectory, trajectories, demo.truth, runs));
  showTrajectories(trajectories, verdicts);
  demo.problems.push(...verdicts.filter(({ isRight }) => !isRight).map(({ recovered, why }) => `${recovered}: ${why}`));
  if (trajectories.length !== names.length)
    demo.problems.push(`${trajectories.length} trajectories for ${names.length} runs`);
  return trajectories;
}

async function identify(
  demo: Demo,
  truth: Truth,
  options: { readonly format: ZooFormat; readonly dtype?: 'f16'; readonly name: string; readonly what: string },
): Promise<IdentificationResult> {
  const name = await writeSnapshot(demo.folder, find(demo, truth).snapshot, options);
  const [result] = runCli(demo.folder, ['identify', name], checkIdentification).results;
  if (result === undefined) throw new Error('The program answered nothing.');
  showIdentification(`${truth.run}, epoch ${truth.epoch}, ${options.what}`, result, demo.truth);
  return result;
}

/** The trajectory that holds a run's checkpoints. */
function trajectoryOf(
  demo: Demo,
  trajectories: readonly TrajectoryResult[],
  run: string,
): TrajectoryResult | undefined {
  return trajectories.find(({ checkpoints }) => checkpoints.some(({ source }) => demo.truth.get(source)?.run === run));
}

/** Whether the file stands where it should: between the stored neighbours of its epoch, or on its own. */
function isPlaced(
  demo: Demo,
  trajectories: readonly TrajectoryResult[],
  truth: Truth,
  result: IdentificationResult,
): boolean {
  const trajectory = trajectoryOf(demo, trajectories, truth.run);
  if (!result.known || trajectory === undefined || result.trajectory !== trajectory.name) return false;
  const place = (epoch: number): number | undefined =>
    trajectory.checkpoints.find(({ source }) => demo.truth.get(source)?.epoch === epoch)?.position;
  const exact = place(truth.epoch);
  const position = result.position ?? Number.NaN;
  if (exact !== undefined) return Math.abs(position - exact) < 0.01;
  const [before, after] = [place(truth.epoch - 1), place(truth.epoch + 1)];
  return before !== undefined && after !== undefined && position > before && position < after;
}

async function ask(demo: Demo, trajectories: readonly TrajectoryResult[]): Promise<void> {
  const stored = await identify(demo, STORED, { format: 'npz', dtype: 'f16', name: 'copy', what: 'in half precision' });
  if (!isPlaced(demo, trajectories, STORED, stored))
    demo.problems.push('the copy in half precision was not recognised');
  const unseen = await identify(demo, HELD_OUT, {
    format: 'pytorch-zip',
    dtype: 'f16',
    name: 'unseen',
    what: 'never stored, in half precision',
  });
  if (!isPlaced(demo, trajectories, HELD_OUT, unseen))
    demo.problems.push('the checkpoint that was never stored was not placed');
  const stranger = await identify(
    demo,
    { run: STRANGER, epoch: 4 },
    { format: 'safetensors', name: 'other', what: 'of a fifth seed' },
  );
  if (stranger.known) demo.problems.push('the stranger was taken for a relative');
}

async function checkRestored(demo: Demo): Promise<void> {
  const [path] = demo.truth.keys();
  if (path === undefined) return;
  const before = await readFile(join(demo.folder, path));
  await rm(join(demo.folder, path));
  runCli(demo.folder, ['restore', path], (value) => value);
  const after = await readFile(join(demo.folder, path));
  const isSameBytes = before.equals(after);
  console.log(`  ${path} was deleted and came back: ${isSameBytes ? 'every byte the same' : 'OTHER BYTES'}`);
  if (!isSameBytes) demo.problems.push('a restored file has other bytes');
}

async function run(folder: string): Promise<number> {
  const started = performance.now();
  console.log(`TensorFlow.js runs on ${await prepareTensorflow()}.`);
  const demo: Demo = { folder, checkpoints: await train(), truth: new Map(), problems: [] };
  console.log(`\nTraining took ${((performance.now() - started) / 1000).toFixed(0)} s.`);
  const count = await writePile(demo);
  console.log(`${count} checkpoints lie in one folder, under names that say nothing, in ${FORMATS.length} formats.`);
  const trajectories = recover(demo);
  await ask(demo, trajectories);
  const raw = await folderByteLength(join(folder, 'pile'));
  const kept = await folderByteLength(join(folder, '.wsvc'));
  const weights = await folderByteLength(join(folder, '.wsvc', 'blobs'));
  const derived = await folderByteLength(join(folder, '.wsvc', 'derived'));
  await checkRestored(demo);
  console.log(
    `\nThe files take ${formatBytes(raw)}. Stored they take ${formatBytes(weights)}: ${((100 * weights) / raw).toFixed(0)} %.`,
  );
  // Beside networks as small as these it counts; it does not grow with them.
  console.log(
    `Beside them: history ${formatBytes(kept - weights - derived)}; sketches, which may be deleted, ${formatBytes(derived)}.`,
  );
  if (demo.problems.length === 0) console.log('Everything above is right.');
  else console.log(`Not everything is right: ${demo.problems.join('; ')}.`);
  return demo.problems.length === 0 ? 0 : 1;
}

const folder = await mkdtemp(join(tmpdir(), 'wsvc-demo-'));
try {
  process.exitCode = await run(folder);
} catch (error) {
  // Left to Node, it would be printed after the whole source of the wasm backend, whose handler throws it again.
  console.error(`\n${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
} finally {
  await rm(folder, { recursive: true, force: true });
}
