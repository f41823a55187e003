import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Completion } from './events.ts';

/** `~/x` in the user's folder, and everything else as it is. */
export function expandHome(text: string, homeDirectory: string): string {
  return text === '~' || text.startsWith('~/') ? path.join(homeDirectory, text.slice(1)) : text;
}

function sharedStart(names: readonly string[]): string {
  const [first = ''] = names;
  let length = first.length;
  for (const name of names) while (!name.startsWith(first.slice(0, length))) length -= 1;
  return first.slice(0, length);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
}

/** Completes a path as far as the names on disk agree; hidden ones only where the text starts with a dot. */
export async function completePath(text: string, directory: string, homeDirectory: string): Promise<Completion> {
  const slash = text.lastIndexOf('/') + 1;
  const [before, start] = [text.slice(0, slash), text.slice(slash)];
  const names = await namesIn(path.resolve(directory, expandHome(before, homeDirectory)));
  const fitting = names.filter((name) => name.startsWith(start) && (start !== '' || !name.startsWith('.')));
  if (fitting.length === 0) return { text, choices: [] };
  return { text: before + sharedStart(fitting), choices: fitting.length === 1 ? [] : fitting };
}
