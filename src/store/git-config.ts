/** Values that wsvc writes into `config`, and what they may be; other sections are the user's own. */
const SETTINGS: Readonly<Record<string, RegExp>> = {
  'core.repositoryformatversion': /^0$/,
  'core.filemode': /^(true|false)$/,
  'core.bare': /^true$/,
  'core.logallrefupdates': /^(true|false|always)$/,
  'wsvc.format': /^[12]$/,
};
/** Further settings of git in its `core` section that somebody may have made. */
const OTHER_CORE = new Set(
  'abbrev attributesfile bigfilethreshold commentchar commitgraph compression editor excludesfile fsmonitor fsync fsyncmethod hookspath ignorecase loosecompression multipackindex packedgitlimit packedgitwindowsize pager precomposeunicode preloadindex quotepath sharedrepository sshcommand symlinks untrackedcache'.split(
    ' ',
  ),
);
const REQUIRED = ['core.repositoryformatversion', 'core.bare', 'wsvc.format'];
const COMMENT_OR_EMPTY = /^[\t ]*([#;].*)?$/;

interface Line {
  readonly text: string;
  /** The section that it stands in or begins. */
  readonly section: string;
  readonly isHeader: boolean;
}

function splitLines(text: string): readonly Line[] {
  let section = '';
  return text.split('\n').map((line) => {
    const [, next] = /^\[([^\]]*)\]$/.exec(line) ?? [];
    if (next !== undefined) section = next.toLowerCase();
    return { text: line, section, isHeader: next !== undefined };
  });
}

const keyOf = (text: string): string | undefined => /^[\t ]*([A-Za-z][A-Za-z0-9-]*) *=/.exec(text)?.[1]?.toLowerCase();

const isOtherCore = ({ text, section }: Line): boolean => section === 'core' && OTHER_CORE.has(keyOf(text) ?? '');

/** What is wrong with a line, given the section that it stands in. */
function findBadLine(line: Line): string | undefined {
  const { text, section, isHeader } = line;
  if (isHeader || (section !== 'core' && section !== 'wsvc')) return undefined;
  if (COMMENT_OR_EMPTY.test(text) || isOtherCore(line)) return undefined;
  const [, value = ''] = /= *(.*?) *$/.exec(text) ?? [];
  const allowed = SETTINGS[`${section}.${keyOf(text)}`];
  return allowed?.test(value) === true ? undefined : `It has a line that is not understood: ${JSON.stringify(text)}.`;
}

/** What is wrong with the text of git's `config` of a repository, one sentence each. */
export function findConfigProblems(text: string): readonly string[] {
  const lines = splitLines(text);
  const found = new Set(
    lines.map((line) => `${line.section}.${/^[\t ]*([A-Za-z0-9-]+)/.exec(line.text)?.[1]?.toLowerCase()}`),
  );
  return [
    ...lines.flatMap((line) => findBadLine(line) ?? []),
    ...REQUIRED.filter((key) => !found.has(key)).map((key) => `It does not say ${key}.`),
  ];
}

/** A line that git reads without complaint, whatever it means. */
function isWellFormed(text: string): boolean {
  return /^[\t ]*[A-Za-z][A-Za-z0-9-]*[\t ]*(=[^\p{Cc}]*)?$/u.test(text) || COMMENT_OR_EMPTY.test(text);
}

/** The settings of a damaged `config` that are the user's own and can be read: further ones of `core`, and other sections. */
export function keepUnderstood(text: string): string {
  const lines = splitLines(text);
  const core = lines.filter((line) => !line.isHeader && isOtherCore(line) && isWellFormed(line.text));
  const others = lines.filter(
    ({ text: line, section, isHeader }) =>
      !['core', 'wsvc', ''].includes(section) &&
      (isHeader ? /^\[[a-z0-9.-]+( "[^"\\\p{Cc}]*")?\]$/iu.test(line) : line !== '' && isWellFormed(line)),
  );
  const kept = [
    ...(core.length > 0 ? ['[core]', ...core.map((line) => line.text)] : []),
    ...others.map((line) => line.text),
  ];
  return kept.length === 0 ? '' : `${kept.join('\n')}\n`;
}
