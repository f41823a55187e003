import type { IdentificationResult, TrajectoryCheckpoint, TrajectoryResult } from '../../src/repo/lineage-results.ts';
import type { ShownTensor, ShowResult } from '../../src/repo/results.ts';
import type { BrowserEvent, Effect, Key, KeyName } from '../../src/tui/events.ts';
import { type BrowserState, openingState } from '../../src/tui/state.ts';
import { update } from '../../src/tui/update.ts';

/** A commit id that says what it is of. */
export function commitOf(run: number, index: number): string {
  return `${run}${String(index).padStart(3, '0')}`.padEnd(40, 'a');
}

export function checkpoint(run: number, index: number, over: Partial<TrajectoryCheckpoint> = {}): TrajectoryCheckpoint {
  return {
    commit: commitOf(run, index),
    manifest: `${run}${index}`.padEnd(64, 'b'),
    source: `run${run}/ep${String(index).padStart(2, '0')}.pt`,
    position: index,
    relation: index === 0 ? 'unrelated' : 'next',
    confidence: 0.987,
    stepLength: index === 0 ? null : 2 / index,
    relativeStep: index === 0 ? null : 0.2 / index,
    turn: index < 2 ? null : Math.PI / 4,
    ...over,
  };
}

export function trajectory(run: number, length: number, over: Partial<TrajectoryResult> = {}): TrajectoryResult {
  return {
    name: `run-${run}`,
    forkedFrom: null,
    ordered: true,
    orderConfidence: 0.99,
    direction: 'inferred',
    checkpoints: Array.from({ length }, (_, index) => checkpoint(run, index)),
    ...over,
  };
}

/** Two roots; run-3 left run-1 at 4. */
export const FOREST: readonly TrajectoryResult[] = [
  trajectory(1, 30),
  trajectory(2, 3, { ordered: false }),
  trajectory(3, 5, {
    forkedFrom: { trajectory: 'run-1', position: 4, commit: commitOf(1, 4), confidence: 0.9, confidenceWithinOne: 1 },
  }),
];

export function tensor(name: string, over: Partial<ShownTensor> = {}): ShownTensor {
  return {
    name,
    dtype: 'f32',
    shape: [8, 3],
    role: 'weight',
    bytes: 96,
    content: 'd'.repeat(64),
    mean: 0.0125,
    standardDeviation: 0.25,
    min: -1.5,
    max: 1.25,
    zeroShare: 0.5,
    nanCount: 0,
    infinityCount: 0,
    ...over,
  };
}

export const SHOWN: ShowResult = {
  commit: commitOf(1, 4),
  manifest: '14'.padEnd(64, 'b'),
  path: 'run1/ep04.pt',
  sha256: 'c'.repeat(64),
  format: 'pytorch-zip',
  bytes: 12_743,
  parameters: 2464,
  files: [{ name: 'ep04.pt', bytes: 12_743, sha256: 'c'.repeat(64) }],
  totals: { tensors: 3, elements: 56, bytes: 224, nanTensors: 1, infinityTensors: 0 },
  tensors: [tensor('conv1.weight'), tensor('conv1.bias', { shape: [8], nanCount: 2 }), tensor('fc.weight')],
  declared: { epoch: 4 },
  placement: {
    trajectory: 'run-1',
    position: 4,
    parent: commitOf(1, 3),
    relation: 'next',
    confidence: 0.987,
    isNewTrajectory: false,
  },
};

const NEAR = {
  commit: commitOf(1, 4),
  manifest: '14'.padEnd(64, 'b'),
  source: 'run1/ep04.pt',
  trajectory: 'run-1',
  position: 4,
  relativeDistance: 0.004,
  cosine: 0.99999,
};

export const ANSWER: IdentificationResult = {
  file: 'mystery.bin',
  format: 'safetensors',
  sha256: 'd'.repeat(64),
  tensors: 3,
  parameters: 2464,
  known: true,
  direction: 'forward',
  relation: 'quantized',
  nearest: NEAR,
  trajectory: 'run-1',
  position: 4,
  parents: [{ commit: commitOf(1, 4), source: 'run1/ep04.pt', weight: 1 }],
  confidence: 0.975,
  pValue: 1e-120,
  candidates: [NEAR],
  declared: {},
  notes: [],
};

export function opening(over: Partial<BrowserState> = {}): BrowserState {
  return { ...openingState({ columns: 80, rows: 24, hasColour: false, pathToTree: '' }), ...over };
}

/** Events of keys: `<enter>` and the like for those that are no character. */
export function keys(text: string): readonly BrowserEvent[] {
  const presses = text.match(/<[a-z-]+>|[^<]/gu) ?? [];
  return presses.map((press) => {
    const key: Key = press.startsWith('<') ? { name: press.slice(1, -1) as KeyName } : { character: press };
    return { kind: 'key', key };
  });
}

/** Runs events one after the other; returns the last state and all effects. */
export function play(
  state: BrowserState,
  ...events: readonly BrowserEvent[]
): { readonly state: BrowserState; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  let current = state;
  for (const event of events) {
    const next = update(current, event);
    current = next.state;
    effects.push(...next.effects);
  }
  return { state: current, effects };
}

/** The browser with the forest read, after some keys. */
export function loaded(text = '', over: Partial<BrowserState> = {}): BrowserState {
  const loadedEvent: BrowserEvent = { kind: 'trajectories-loaded', result: { trajectories: FOREST } };
  return play(opening(over), loadedEvent, ...keys(text)).state;
}
