/** Options that git takes before the command, with the number of words that follow. */
const GLOBAL_OPTIONS: ReadonlyMap<string, number> = new Map([
  ['-C', 1],
  ['--directory', 1],
  ['--json', 0],
]);

function takeGlobals(argv: readonly string[]): {
  readonly globals: readonly string[];
  readonly rest: readonly string[];
} {
  let at = 0;
  for (let first = argv[at]; first !== undefined; first = argv[at]) {
    const isAttached = /^(-C.|--directory=)/.test(first);
    const following = isAttached ? 0 : GLOBAL_OPTIONS.get(first);
    if (following === undefined) break;
    at += 1 + following;
  }
  return { globals: argv.slice(0, at), rest: argv.slice(at) };
}

/** `-h` is `--help` everywhere, but for what follows `--`. */
function spellOutHelp(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return argv.map((word, index) => (word === '-h' && (end < 0 || index < end) ? '--help' : word));
}

/**
 * Brings what people type by git's habits into the one order that the parser reads: `wsvc -C DIR status`, `wsvc help add`,
 * `wsvc -h`, `wsvc version`.
 */
export function normalizeArguments(argv: readonly string[]): readonly string[] {
  const { globals, rest } = takeGlobals(spellOutHelp(argv));
  const [command, ...others] = rest;
  if (command === undefined) return globals.length > 0 ? ['--help'] : [];
  if (command === 'help') return [...others, '--help'];
  if (command === 'version') return ['--version'];
  return [command, ...globals, ...others];
}
