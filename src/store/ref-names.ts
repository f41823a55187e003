import { WsvcError } from '../errors.ts';

/** True for control characters, which git refuses in names and wsvc in paths as well. */
function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text) || /\p{Surrogate}/u.test(text);
}

/** The rule of `git check-ref-format` that a short ref name breaks. */
function findBrokenRefRule(name: string): string | undefined {
  const parts = name.split('/');
  if (parts.some((part) => part === '')) return 'it must not be empty, begin or end with a slash, or have two together';
  if (parts.some((part) => part.startsWith('.'))) return 'no part may begin with a dot';
  if (parts.some((part) => part.endsWith('.lock'))) return 'no part may end in ".lock"';
  if (/\.\.|@\{|[ ~^:?*[\\]/.test(name)) return 'it must not have "..", "@{", spaces or any of ~ ^ : ? * [ \\';
  if (name.endsWith('.') || name.startsWith('-')) return 'it must not end with a dot or begin with a dash';
  if (name === '@' || name === 'HEAD') return 'it is taken';
  return hasControl(name) ? 'it must not have control characters' : undefined;
}

/** Checks the short name of a branch or tag, as stock git does. @throws WsvcError `usage` */
export function checkRefName(name: string): void {
  const broken = findBrokenRefRule(name);
  if (broken !== undefined)
    throw new WsvcError('usage', `Not a name for a branch or tag: ${JSON.stringify(name)} (${broken}).`);
}

export function isRefName(name: string): boolean {
  return findBrokenRefRule(name) === undefined;
}

/** Names that git, or a file system on which a clone is checked out, takes for git's own. */
const OWN_NAMES = /^(\.git|git~\d+|\.gitmodules|\.gitattributes|\.gitignore|\.mailmap|\.wsvc)[ .]*$/i;

/** Characters that some file systems pass over: with them `.git` can be written in other ways. */
const IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g;

function findBrokenPathRule(path: string): string | undefined {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    return 'it must be relative, without empty parts, "." or ".."';
  }
  if (parts.some((part) => OWN_NAMES.test(part.replace(IGNORED, '')))) return 'that name belongs to git or wsvc';
  return hasControl(path) ? 'it must not have control characters' : undefined;
}

/** Checks the path of a checkpoint in a git tree. @throws WsvcError `usage` */
export function checkTreePath(path: string): void {
  const broken = findBrokenPathRule(path);
  if (broken !== undefined)
    throw new WsvcError('usage', `Not a path that can be committed: ${JSON.stringify(path)} (${broken}).`);
}
