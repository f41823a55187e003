import { WsvcError } from '../errors.ts';
import { reject } from './fields.ts';
import { parseCommitId } from './ids.ts';
import { quoteName, unquoteName } from './pointer-text.ts';
import type { EdgeSource, LineageTrailers } from './trailers-model.ts';

/** A commit message taken apart: the author's words, and what wsvc wrote below them. */
export interface ParsedMessage {
  readonly message: string;
  /** Absent when the commit was not made by wsvc. */
  readonly trailers?: LineageTrailers;
}

const WHAT = 'a commit trailer';
const OWN = /^Wsvc-[A-Za-z-]+: /;
const ANY_TRAILER = /^[A-Za-z0-9][A-Za-z0-9-]*: \S/;

/** Plain where it reads back as it is; else quoted, so that it stays on one line. */
function formatText(text: string): string {
  const isPlain =
    /^[^\s"](.*[^\s])?$/u.test(text) && quoteName(text) === `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return isPlain ? text : quoteName(text);
}

const parseText = (text: string): string => (text.startsWith('"') ? unquoteName(text) : text);

function formatTrailers(trailers: LineageTrailers): readonly string[] {
  const { source, trajectory, position, parents, relation, confidence, logPValue, edge } = trailers;
  return [
    `Wsvc-Source: ${formatText(source)}`,
    `Wsvc-Trajectory: ${formatText(trajectory)}`,
    `Wsvc-Position: ${position}`,
    ...parents.map(({ commit, weight }) => `Wsvc-Parent: ${commit} ${weight}`),
    `Wsvc-Relation: ${relation}`,
    `Wsvc-Confidence: ${confidence}`,
    ...(logPValue === undefined ? [] : [`Wsvc-Log-P-Value: ${logPValue}`]),
    `Wsvc-Edge: ${edge}`,
  ];
}

/** As git's own cleanup: no line ends of other systems, no spaces before one, no blank lines at either end. */
function cleanMessage(message: string): string {
  return message
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[ \t\0]+$/gm, '')
    .replaceAll('\0', '')
    .replace(/^\n+|\n+$/g, '');
}

/** True when the message ends in trailers of others ("Signed-off-by: ..."), which ours then join: git reads one block only. */
function endsInTrailers(message: string): boolean {
  const paragraphs = message.split(/\n{2,}/);
  const last = paragraphs.at(-1)?.split('\n') ?? [];
  return paragraphs.length > 1 && last.every((line) => ANY_TRAILER.test(line) && !OWN.test(line));
}

/**
 * Joins a commit message and its lineage trailers in the syntax of `git interpret-trailers`.
 *
 * @throws WsvcError `usage` when the message is empty: git takes the first paragraph for the title, never for trailers.
 */
export function formatCommitMessage(message: string, trailers: LineageTrailers): string {
  const clean = cleanMessage(message);
  if (clean === '') throw new WsvcError('usage', 'A commit needs a message.', { suggestions: ['Give one with -m.'] });
  const gap = endsInTrailers(clean) ? '\n' : '\n\n';
  return `${clean}${gap}${formatTrailers(trailers).join('\n')}\n`;
}

/** The lines after the last that is not wsvc's. */
function splitTrailers(text: string): { message: string; lines: readonly string[] } {
  const lines = text.replace(/\n+$/, '').split('\n');
  const start = lines.findLastIndex((line) => !OWN.test(line)) + 1;
  return { message: lines.slice(0, start).join('\n').replace(/\n+$/, ''), lines: lines.slice(start) };
}

function parseNumber(text: string): number {
  const value = Number(text);
  return Number.isFinite(value) && String(value) === text ? value : reject(WHAT, `${quoteName(text)} must be a number`);
}

function parseShare(text: string): number {
  const value = parseNumber(text);
  return value >= 0 && value <= 1 ? value : reject(WHAT, `${quoteName(text)} must be from 0 to 1`);
}

function parseEdge(text: string): EdgeSource {
  return text === 'inferred' || text === 'declared' ? text : reject(WHAT, 'an edge must be inferred or declared');
}

function parseParent(text: string): LineageTrailers['parents'][number] {
  const [commit = '', weight = ''] = text.split(' ', 2);
  return { commit: parseCommitId(commit), weight: parseNumber(weight) };
}

function readTrailers(lines: readonly string[]): LineageTrailers {
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`Wsvc-${key}: `)).map((line) => line.slice(key.length + 7));
  const optional = (key: string): string | undefined => {
    const [value, ...more] = all(key);
    return more.length === 0 ? value : reject(WHAT, `"Wsvc-${key}" must be there once`);
  };
  const one = (key: string): string => optional(key) ?? reject(WHAT, `"Wsvc-${key}" must be there`);
  const logPValue = optional('Log-P-Value');
  return {
    source: parseText(one('Source')),
    trajectory: parseText(one('Trajectory')),
    position: parseNumber(one('Position')),
    parents: all('Parent').map(parseParent),
    relation: one('Relation'),
    confidence: parseShare(one('Confidence')),
    ...(logPValue === undefined ? {} : { logPValue: parseNumber(logPValue) }),
    edge: parseEdge(one('Edge')),
  };
}

/**
 * Takes a commit message apart. Trailers of wsvc that it does not know are passed over, so that newer ones may be added.
 *
 * @throws CorruptError when it ends in trailers of wsvc that are incomplete or malformed.
 */
export function parseCommitMessage(text: string): ParsedMessage {
  const { message, lines } = splitTrailers(text);
  return lines.length === 0 ? { message } : { message, trailers: readTrailers(lines) };
}
