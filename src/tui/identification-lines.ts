import { formatConfidence, formatCount, formatPosition, NO_WEIGHTS, plural, shortId } from '../charts/describe.ts';
import type { IdentificationResult, NearestResult } from '../repo/lineage-results.ts';
import type { Tone } from './span.ts';
import type { Target } from './target.ts';

/** One line of the answer; `target` is the stored checkpoint it speaks of. */
export interface AnswerLine {
  readonly text: string;
  readonly tone: Tone;
  readonly target?: Target;
}

function line(label: string, text: string, tone: Tone = 'plain'): AnswerLine {
  return { text: `${label.padEnd(11)} ${text}`, tone };
}

function targetOf({ commit, source }: { readonly commit: string | null; readonly source: string }): {
  readonly target?: Target;
} {
  return commit === null ? {} : { target: { commit, source } };
}

function verdictLines(answer: IdentificationResult): readonly AnswerLine[] {
  const { known, relation, confidence, trajectory, position, pValue } = answer;
  const sure = `${formatConfidence(confidence)} sure`;
  if (!known && answer.parameters === 0) return [line('answer', `unknown: ${NO_WEIGHTS}`, 'doubtful')];
  if (!known) return [line('answer', `unknown: related to nothing in this repository, ${sure}`, 'doubtful')];
  const lines = [line('relation', relation, 'good'), line('confidence', sure)];
  if (trajectory !== null) lines.push(line('trajectory', trajectory, 'name'));
  if (position !== null) lines.push(line('position', formatPosition(position)));
  if (pValue !== null) lines.push(line('p-value', pValue.toExponential(1)));
  return lines;
}

function parentLines({ parents }: IdentificationResult): readonly AnswerLine[] {
  return parents.map((parent, index) => ({
    ...line(
      index === 0 ? (parents.length === 1 ? 'parent' : 'parents') : '',
      `${(parent.weight * 100).toFixed(1)} %  ${parent.source}${parent.commit === null ? '' : `  ${shortId(parent.commit)}`}`,
      'strong',
    ),
    ...targetOf(parent),
  }));
}

function nearLine(near: NearestResult, index: number): AnswerLine {
  const place = near.trajectory === null ? '' : `  ${near.trajectory} at ${formatPosition(near.position ?? 0)}`;
  const distance = `distance ${near.relativeDistance.toPrecision(2)}, cosine ${near.cosine.toFixed(5)}`;
  return { ...line(index === 0 ? 'near' : '', `${near.source}${place}  ${distance}`), ...targetOf(near) };
}

/** Says for people what a file is, a line a fact. */
export function identificationLines(answer: IdentificationResult): readonly AnswerLine[] {
  const size = `${answer.format}, ${plural(answer.tensors, 'tensor')}, ${formatCount(answer.parameters)} parameters`;
  const declared = Object.entries(answer.declared).map(([key, value]) => `${key} ${value}`);
  return [
    line('file', answer.file, 'strong'),
    line('format', size),
    ...(answer.problem === undefined ? [] : [line('problem', `no weights read: ${answer.problem}`, 'bad')]),
    ...verdictLines(answer),
    ...parentLines(answer),
    ...answer.candidates.map(nearLine),
    ...answer.notes.map((note, index) => line(index === 0 ? 'because' : '', note, 'faint')),
    ...(declared.length === 0 ? [] : [line('file says', declared.join(', '), 'faint')]),
  ];
}
