/** Shells that completion scripts are written for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export interface CompletedCommand {
  readonly id: string;
  readonly summary: string;
  readonly flags: readonly string[];
}

/** Commands whose arguments are branches or tags rather than files. */
const TAKES_REVISIONS = new Set([
  'branch',
  'switch',
  'tag',
  'log',
  'lineage',
  'monitor',
  'merge-base',
  'reset',
  'show',
  'diff',
  'restore',
  'cat-file',
]);

const LIST_REVISIONS = `wsvc branch 2>/dev/null | sed 's/^[* ] //; s/ .*//'`;

function bash(commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ id, flags }) => {
    const words = flags.map((flag) => `--${flag}`).join(' ');
    const revisions = TAKES_REVISIONS.has(id) ? ` $(${LIST_REVISIONS})` : '';
    return `    ${id}) words="${words}${revisions}";;`;
  });
  return [
    '_wsvc() {',
    `  local current="\${COMP_WORDS[COMP_CWORD]}" words`,
    '  if [ "$COMP_CWORD" -eq 1 ]; then',
    `    COMPREPLY=($(compgen -W "${commands.map(({ id }) => id).join(' ')}" -- "$current")); return`,
    '  fi',
    `  case "\${COMP_WORDS[1]}" in`,
    ...cases,
    '  esac',
    '  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))',
    '}',
    'complete -o filenames -F _wsvc wsvc',
  ].join('\n');
}

function zsh(commands: readonly CompletedCommand[]): string {
  return ['autoload -U +X bashcompinit && bashcompinit', bash(commands)].join('\n');
}

function fish(commands: readonly CompletedCommand[]): string {
  const quote = (text: string): string => `'${text.replaceAll("'", "\\'")}'`;
  return commands
    .flatMap(({ id, summary, flags }) => [
      `complete -c wsvc -n __fish_use_subcommand -a ${id} -d ${quote(summary)}`,
      ...flags.map((flag) => `complete -c wsvc -n '__fish_seen_subcommand_from ${id}' -l ${flag}`),
      ...(TAKES_REVISIONS.has(id)
        ? [`complete -c wsvc -n '__fish_seen_subcommand_from ${id}' -a '(${LIST_REVISIONS.replaceAll("'", '"')})'`]
        : []),
    ])
    .join('\n');
}

const WRITERS = { bash, zsh, fish } as const satisfies Record<Shell, (commands: readonly CompletedCommand[]) => string>;

/** Writes a script that completes commands, flags, branches and files. */
export function writeCompletion(shell: Shell, commands: readonly CompletedCommand[]): string {
  return WRITERS[shell](commands);
}
