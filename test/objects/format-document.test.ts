import { describe, expect, it } from 'vitest';
import { decodeCanonical, encodeCanonical } from '../../src/objects/canonical.ts';
import { decodeManifest, encodeManifest } from '../../src/objects/manifest.ts';
import { formatPointer, parsePointer } from '../../src/objects/pointer.ts';
import { decodePrunedRecord, encodePrunedRecord } from '../../src/objects/pruned-record.ts';
import { formatCommitMessage, parseCommitMessage } from '../../src/objects/trailers.ts';
import { readExample, readExampleBytes } from '../document.ts';
import { sampleManifest, samplePointer, samplePruned, sampleTrailers } from './samples.ts';

describe('the examples of docs/format.md', () => {
  it('of canonical msgpack', () => {
    const value = { b: 1, a: [null, true, -33, 300, 2 ** 32, 0.5], '': 'wsvc' };
    expect(encodeCanonical(value)).toEqual(readExampleBytes('format.md', 'canonical'));
    expect(decodeCanonical(readExampleBytes('format.md', 'canonical'))).toEqual(value);
  });

  it('of a manifest', () => {
    expect(encodeManifest(sampleManifest)).toEqual(readExampleBytes('format.md', 'manifest'));
    expect(decodeManifest(readExampleBytes('format.md', 'manifest'))).toEqual(sampleManifest);
  });

  it('of a pointer', () => {
    expect(formatPointer(samplePointer)).toBe(readExample('format.md', 'text pointer'));
    expect(parsePointer(readExample('format.md', 'text pointer'))).toEqual(samplePointer);
  });

  it('of the record of pruned checkpoints', () => {
    expect(encodePrunedRecord(samplePruned)).toEqual(readExampleBytes('format.md', 'pruned'));
    expect(decodePrunedRecord(readExampleBytes('format.md', 'pruned'))).toEqual(samplePruned);
  });

  it('of commit trailers', () => {
    const text = readExample('format.md', 'text trailers');
    expect(formatCommitMessage('Add model 7.', sampleTrailers)).toBe(text);
    expect(parseCommitMessage(text)).toEqual({ message: 'Add model 7.', trailers: sampleTrailers });
  });
});
