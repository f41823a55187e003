import path from 'node:path';
import { render } from 'ink';
import type { ReactNode } from 'react';
import { enterAlternateScreen } from './alternate-screen.ts';
import { Browser } from './Browser.tsx';
import { createBrowserLoop } from './browser-loop.ts';
import type { Key } from './events.ts';
import { Keyboard } from './Keyboard.tsx';
import { performEffect, type World } from './perform-effect.ts';
import { type BrowserState, openingState } from './state.ts';
import { whenProcessEnds } from './when-process-ends.ts';

/** Where the browser is drawn. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly hasColour: boolean;
}

/** The size of a terminal that does not say its own. */
function sizeOf({ columns, rows }: NodeJS.WriteStream): { readonly columns: number; readonly rows: number } {
  return { columns: columns || 80, rows: rows || 24 };
}

function pathToTree({ repository }: World): string {
  const relative = path.relative(repository.environment.workingDirectory, repository.workTree);
  return relative === '' ? '' : `${relative}/`;
}

/**
 * Lets the user browse a repository until they quit, and leaves the terminal as it was: also when the process is told to
 * end, or fails. Resolves when no file is being written any more; what only reads may still run.
 *
 * @throws whatever nobody caught, after the terminal is restored.
 */
export async function runBrowser(world: World, { stdin, stdout, hasColour }: Terminal): Promise<void> {
  const opening = openingState({ ...sizeOf(stdout), hasColour, pathToTree: pathToTree(world) });
  const onKeys = (keys: readonly Key[]): void => loop.send(...keys.map((key) => ({ kind: 'key', key }) as const));
  const onResize = (): void => {
    screen.clear();
    loop.send({ kind: 'resized', ...sizeOf(stdout) });
  };
  const frame = (state: BrowserState): ReactNode => (
    <>
      <Browser state={state} />
      <Keyboard onKeys={onKeys} />
    </>
  );
  const loop = createBrowserLoop(opening, {
    perform: (effect, send) => performEffect(world, effect, send),
    draw: (state) => instance.rerender(frame(state)),
    quit: () => instance.unmount(),
  });
  const screen = enterAlternateScreen(stdout);
  const instance = render(frame(opening), { stdin, stdout, exitOnCtrlC: false });
  const leave = (): void => {
    instance.unmount();
    if (stdin.isRaw) stdin.setRawMode(false);
    screen.leave();
  };
  const end = whenProcessEnds(leave);
  stdout.on('resize', onResize);
  try {
    loop.start();
    await Promise.race([instance.waitUntilExit(), end.failure]);
  } finally {
    stdout.off('resize', onResize);
    leave();
    end.stop();
    await loop.stop();
  }
}
