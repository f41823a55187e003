import { WsvcError } from '../errors.ts';
import { unknownFlag } from './did-you-mean.ts';

/** What the operating system says, in words; others are shown with their code. */
const SYSTEM_MESSAGES: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full.',
  EDQUOT: 'The disk quota is used up.',
  EACCES: 'Permission denied.',
  EPERM: 'Permission denied.',
  EROFS: 'The file system is read-only.',
  EMFILE: 'Too many open files.',
  EIO: 'The disk reported an error.',
};

function property(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null && name in error ? Reflect.get(error, name) : undefined;
}

/** A parser's complaint: a bad flag, a missing argument, an unknown command. */
function isUsageError(error: unknown): error is Error {
  const oclif = property(error, 'oclif');
  return error instanceof Error && property(oclif, 'exit') === 2;
}

/** The parser's complaint without its headings, one part a line. */
function rephraseUsage(message: string): string {
  return message
    .replace(/^The following errors? occurred:\s*/, '')
    .replace(/^Parsing (--?[\w-]+)\s+(\w)/, (_, flag: string, first: string) => `${flag}: ${first.toLowerCase()}`)
    .replace(/\n[ \t]+/g, '\n')
    .trim();
}

function explainUsage(error: Error): WsvcError {
  const flags = property(error, 'flags');
  const known = property(property(property(error, 'parse'), 'input'), 'flags');
  if (Array.isArray(flags) && typeof known === 'object' && known !== null)
    return unknownFlag(String(flags[0]), Object.keys(known));
  const [first = ''] = error.message.split('\nSee more help');
  return new WsvcError('usage', rephraseUsage(first), { cause: error, suggestions: ['See --help.'] });
}

function fromSystem(error: Error, code: string): WsvcError {
  const path = property(error, 'path');
  const where = typeof path === 'string' ? ` (${path})` : '';
  if (code === 'ENOENT')
    return new WsvcError('not-found', `There is no file${typeof path === 'string' ? ` ${path}` : ''}.`, {
      cause: error,
    });
  if (code === 'EISDIR')
    return new WsvcError('usage', `This is a folder${where}; a file was expected.`, { cause: error });
  const message = SYSTEM_MESSAGES[code] ?? `The system refused: ${code}.`;
  return new WsvcError('system', `${message}${where}`, { cause: error, suggestions: suggestFor(code) });
}

function suggestFor(code: string): readonly string[] {
  const isFull = code === 'ENOSPC' || code === 'EDQUOT';
  return isFull ? ['Free some space and run the command again; nothing was lost.'] : [];
}

/** An error that a lower layer has described: what the system said is put before it, in words. */
function explainSystem(error: WsvcError): WsvcError {
  const code = property(error.cause, 'code');
  const said = typeof code === 'string' ? SYSTEM_MESSAGES[code] : undefined;
  if (error.code !== 'system' || typeof code !== 'string' || said === undefined) return error;
  const suggestions = error.suggestions.length > 0 ? error.suggestions : suggestFor(code);
  return new WsvcError('system', `${said} ${error.message}`, { cause: error, suggestions });
}

/** Turns anything that was thrown into an error with a code; what nobody foresaw is a bug. */
export function toWsvcError(error: unknown): WsvcError {
  if (error instanceof WsvcError) return explainSystem(error);
  if (isUsageError(error)) return explainUsage(error);
  const code = property(error, 'code');
  if (error instanceof Error && typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return fromSystem(error, code);
  const message = error instanceof Error ? error.message : String(error);
  return new WsvcError('bug', `Something went wrong inside wsvc: ${message}`, {
    cause: error,
    suggestions: ['Set DEBUG=1 to see where, and please report it. Your files and the repository are as they were.'],
  });
}
