import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCommitMessage, parseCommitMessage } from '../../src/objects/trailers.ts';
import { sampleTrailers } from './samples.ts';

const text = formatCommitMessage('Add model 7.', sampleTrailers);

function gitTrailers(message: string): string {
  return execFileSync('git', ['interpret-trailers', '--parse'], { input: message, encoding: 'utf8' });
}

describe('a commit message', () => {
  it('reads back as it was written', () => {
    expect(parseCommitMessage(text)).toEqual({ message: 'Add model 7.', trailers: sampleTrailers });
  });

  it.each([
    ['a title', 'Title'],
    ['a title and a body', 'Title\n\nBody, with\ntwo lines.'],
    ['trailers of others', 'Title\n\nSigned-off-by: A <a@example.com>'],
    ['a body that looks like a trailer of ours', 'Title\n\nWsvc-Edge: guessed'],
    ['a title that looks like a trailer', 'Fix: it'],
  ])('with %s keeps both parts', (_name, message) => {
    const written = formatCommitMessage(message, sampleTrailers);
    const { trailers } = parseCommitMessage(written.replace('\n\nWsvc-Edge: guessed', ''));
    expect(trailers).toEqual(sampleTrailers);
    if (!message.includes('Wsvc-')) expect(parseCommitMessage(written).message).toBe(message);
    expect(gitTrailers(written)).toContain('Wsvc-Trajectory: run-1\n');
    expect(gitTrailers(written)).toContain('Wsvc-Edge: inferred\n');
  });

  it('joins the block of other trailers, so that git sees all of them', () => {
    const written = formatCommitMessage('Title\n\nSigned-off-by: A <a@example.com>', sampleTrailers);
    expect(gitTrailers(written)).toContain('Signed-off-by: A <a@example.com>\n');
  });

  it('keeps any source and trajectory on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (source, trajectory) => {
        const trailers = { ...sampleTrailers, source, trajectory };
        const written = formatCommitMessage('Title', trailers);
        expect(written.split('\n')).toHaveLength(11);
        expect(parseCommitMessage(written)).toEqual({ message: 'Title', trailers });
      }),
    );
  });

  it('without trailers is the message alone', () => {
    expect(parseCommitMessage('Title\n\nBody\n')).toEqual({ message: 'Title\n\nBody' });
    expect(parseCommitMessage('')).toEqual({ message: '' });
  });

  it('passes over trailers that a newer wsvc may add', () => {
    expect(parseCommitMessage(`${text}Wsvc-Weather: fine\n`).trailers).toEqual(sampleTrailers);
  });

  it.each([
    ['no trajectory', text.replace(/Wsvc-Trajectory: .*\n/, '')],
    ['two positions', `${text}Wsvc-Position: 3\n`],
    ['a position that is no number', text.replace('Position: 12.5', 'Position: twelve')],
    ['a position written otherwise', text.replace('Position: 12.5', 'Position: 12.50')],
    ['a confidence above one', text.replace('Confidence: 0.9999', 'Confidence: 1.5')],
    ['a parent that is no commit', text.replace('Parent: 0123', 'Parent: xyz')],
    ['an edge of another kind', text.replace('Edge: inferred', 'Edge: guessed')],
    ['a broken quotation', text.replace('Trajectory: run-1', 'Trajectory: "run-1')],
  ])('with %s is refused', (_name, wrong) => {
    expect(() => parseCommitMessage(wrong)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it('must not be empty', () => {
    expect(() => formatCommitMessage(' \n', sampleTrailers)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
