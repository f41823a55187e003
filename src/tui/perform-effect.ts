import { unreachable } from '../assert.ts';
import { identifyFiles } from '../repo/identify-files.ts';
import { logTrajectories } from '../repo/log-trajectory.ts';
import type { Operation } from '../repo/operation.ts';
import type { Repository } from '../repo/repository.ts';
import { restoreFiles } from '../repo/restore-files.ts';
import { showStored } from '../repo/show-checkpoint.ts';
import { completePath, expandHome } from './complete-path.ts';
import type { BrowserEvent, Effect, Task } from './events.ts';

/** What effects act on. */
export interface World {
  readonly repository: Repository;
  readonly homeDirectory: string;
  /** One line for an error, for people. */
  readonly describeError: (error: unknown) => string;
}

export type WorkEffect = Exclude<Effect, { readonly kind: 'quit' }>;
type Send = (event: BrowserEvent) => void;

async function follow<Result>(operation: Operation<Result>, task: Task, send: Send): Promise<Result> {
  for (;;) {
    const step = await operation.next();
    if (step.done) return step.value;
    const { phase, detail } = step.value;
    send({ kind: 'progressed', task, label: `${phase}${detail === undefined ? '' : ` ${detail}`}…` });
  }
}

async function identify(world: World, file: string, send: Send): Promise<BrowserEvent> {
  const absolute = expandHome(file, world.homeDirectory);
  const { results } = await follow(identifyFiles(world.repository, [absolute]), 'identify', send);
  const [result] = results;
  if (result === undefined) return { kind: 'failed', task: 'identify', message: `There is no answer for ${file}.` };
  return { kind: 'identified', result };
}

async function restore(world: World, commit: string, output: string, send: Send): Promise<BrowserEvent> {
  const options = { output: expandHome(output, world.homeDirectory) };
  const result = await follow(restoreFiles(world.repository, [commit], options), 'restore', send);
  return { kind: 'restored', result };
}

async function perform(world: World, effect: WorkEffect, send: Send): Promise<BrowserEvent> {
  const { repository, homeDirectory } = world;
  switch (effect.kind) {
    case 'load-trajectories':
      return { kind: 'trajectories-loaded', result: await logTrajectories(repository) };
    case 'load-checkpoint': {
      const { commit } = effect;
      return { kind: 'checkpoint-loaded', commit, result: await showStored(repository, commit) };
    }
    case 'identify':
      return identify(world, effect.file, send);
    case 'restore':
      return restore(world, effect.commit, effect.output, send);
    case 'complete-path': {
      const { text } = effect;
      const completion = await completePath(text, repository.environment.workingDirectory, homeDirectory);
      return { kind: 'completed', text, completion };
    }
    default:
      return unreachable(effect);
  }
}

/** Does what the browser asks for, and sends back what came of it; never throws. The only place that touches the world. */
export async function performEffect(world: World, effect: WorkEffect, send: Send): Promise<void> {
  try {
    send(await perform(world, effect, send));
  } catch (error) {
    send({ kind: 'failed', task: effect.kind, message: world.describeError(error) });
  }
}
