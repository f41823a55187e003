import { readFile } from 'node:fs/promises';
import { closest, distance } from 'fastest-levenshtein';
import { WsvcError } from '../errors.ts';

/** More than a third of a word typed wrongly is another word. */
const LARGEST_SHARE_WRONG = 1 / 3;

/** The known word that was probably meant; none when all are too far away. */
export function suggestWord(word: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(word, known);
  const isPrefix = word.length > 1 && nearest.startsWith(word);
  return isPrefix || distance(word, nearest) <= Math.max(1, word.length * LARGEST_SHARE_WRONG) ? nearest : undefined;
}

/** The commands of the manifest beside the program; none where it is missing, for a hint is no reason to fail. */
async function readCommandNames(program: string): Promise<readonly string[]> {
  const text = await readFile(new URL('../oclif.manifest.json', program), 'utf8').catch(() => '{}');
  const manifest: unknown = JSON.parse(text);
  const commands: unknown = typeof manifest === 'object' && manifest !== null && Reflect.get(manifest, 'commands');
  return typeof commands === 'object' && commands !== null ? Object.keys(commands) : [];
}

/** What to say to a word that is no command; `program` is the URL of `bin/run.js`. */
export async function unknownCommand(word: string, program: string): Promise<WsvcError> {
  const meant = suggestWord(word, await readCommandNames(program));
  const hints = meant === undefined ? ['wsvc --help lists the commands.'] : [`Did you mean wsvc ${meant}?`];
  return new WsvcError('usage', `wsvc has no command ${word}.`, { suggestions: hints });
}

/** What to say to a flag that a command does not have. */
export function unknownFlag(flag: string, known: readonly string[]): WsvcError {
  const meant = suggestWord(flag.replace(/^-+/, ''), known);
  const hints = [...(meant === undefined ? [] : [`Did you mean --${meant}?`]), 'See --help.'];
  return new WsvcError('usage', `There is no flag ${flag}.`, { suggestions: hints });
}
