import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canMount, fillDisk } from './full-disk.ts';
import { CASES } from './operations.ts';
import { ALL_PAIRS, READER_PAIRS, runPair } from './pairs.ts';
import { cutPower } from './power-cut.ts';
import { RACES, runRace } from './races.ts';
import { runCase } from './run-case.ts';

/*
 * `npm run crash -- [kill|disk|power|race|pair|read]... [NAME...] [--step N] [--first N] [--seed N] [--points N]`: kills every command at every change of the disk, makes every
 * change fail, fills the disk; fills a real one (as root); cuts the power after every change; holds one command at every change while another runs;
 * holds each command that writes at some points (`--points` before it has the lock, half as many after) while each other runs, and each that
 * only reads while one runs that writes.
 */
const KINDS = ['kill', 'disk', 'power', 'race', 'pair', 'read'] as const;
type Kind = (typeof KINDS)[number];

const words: string[] = [];
const options = { step: 1, first: 1, seed: 1, points: 4 };
for (let at = 2; at < process.argv.length; at++) {
  const word = process.argv[at] ?? '';
  const option = (['step', 'first', 'seed', 'points'] as const).find((name) => word === `--${name}`);
  if (option === undefined) words.push(word);
  else options[option] = Number(process.argv[++at]);
}
const asked = KINDS.filter((kind) => words.includes(kind));
const kinds: readonly Kind[] = asked.length === 0 ? KINDS : asked;
const names = new Set(words.filter((word) => !KINDS.some((kind) => kind === word)));
const isAsked = ({ name }: { readonly name: string }): boolean => names.size === 0 || names.has(name);

// `--step 4 --first 3` tries the third of every four points: four such runs try them all.
const { step, first, seed, points } = options;
let total = 0;
const tell = (kind: Kind, name: string, tried: number, more = ''): void => {
  total += tried;
  console.log(`${kind}, ${name}: ${tried} points${more}, nothing lost`);
};
for (const kind of kinds) {
  if (kind === 'race') {
    for (const race of RACES.filter(isAsked)) {
      const { tried, locked } = await runRace(race, step);
      tell(kind, race.name, tried, ` (the second had to wait at ${locked})`);
    }
    continue;
  }
  if (kind === 'pair' || kind === 'read') {
    for (const pair of (kind === 'pair' ? ALL_PAIRS : READER_PAIRS).filter(isAsked))
      tell(kind, pair.name, await runPair(pair, points));
    continue;
  }
  if (kind === 'disk' && !canMount(join(tmpdir(), 'wsvc-crash-disk'))) {
    console.log('disk: NOT TRIED, as no disk can be mounted here; kill has a full disk that is made up');
    continue;
  }
  for (const one of CASES.filter(isAsked)) {
    if (kind === 'kill') tell(kind, one.name, await runCase(one, step, { first }));
    else if (kind === 'disk') tell(kind, one.name, await fillDisk(one, step));
    else tell(kind, one.name, await cutPower(one, { step, seed }));
  }
}
console.log(`${total} points tried, nothing lost`);
