import { describe, expect, it } from 'vitest';
import { type CanonicalValue, decodeCanonical, encodeCanonical } from '../../src/objects/canonical.ts';
import { decodeManifest, encodeManifest } from '../../src/objects/manifest.ts';
import { sampleManifest } from './samples.ts';

/** A copy of a value in which one place (keys and positions, joined with dots) holds something else, or nothing. */
function edit(value: CanonicalValue | undefined, path: readonly string[], to: CanonicalValue | undefined): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return to;
  const entries = Object.entries(value ?? {}).filter(([name]) => name !== key);
  const inner: CanonicalValue | undefined = Object.entries(value ?? {}).find(([name]) => name === key)?.[1];
  const changed = edit(inner, rest, to);
  const all = changed === undefined ? entries : [...entries, [key, changed]];
  return Array.isArray(value) ? all.map(([, entry]) => entry) : Object.fromEntries(all);
}

/** The sample's stored form, with one place changed by hand. */
function forge(path: string, to: CanonicalValue | undefined): Uint8Array {
  const record = decodeCanonical(encodeManifest(sampleManifest));
  // The edit is what the test is about: its result need not be a manifest, but it can be encoded.
  return encodeCanonical(edit(record, path.split('.'), to) as CanonicalValue);
}

const stored = decodeCanonical(encodeManifest(sampleManifest)) as { readonly [key: string]: readonly CanonicalValue[] };

describe('a manifest', () => {
  it('reads back as it was written', () => {
    expect(decodeManifest(encodeManifest(sampleManifest))).toEqual(sampleManifest);
    const odd = { ...sampleManifest, tensors: [], declared: { seed: 0.5 }, problem: 'truncated' };
    expect(decodeManifest(encodeManifest(odd))).toEqual(odd);
  });

  it('gives the same bytes whatever the order of keys, and takes minus zero for zero', () => {
    const { version, format, files, tensors } = sampleManifest;
    const [a, b] = [
      { x: 1, y: -0 },
      { y: 0, x: 1 },
    ];
    expect(encodeManifest({ version, format, files, tensors, declared: a })).toEqual(
      encodeManifest({ declared: b, tensors, files, format, version }),
    );
  });

  it.each<[string, string, CanonicalValue | undefined]>([
    ['without files', 'files', []],
    ['with a name for the primary file', 'files.0.name', 'a.bin'],
    ['with a key it does not know', 'extra', 1],
    ['without a key', 'declared', undefined],
    ['with segments that do not fill the file', 'files.0.byteLength', 13],
    ['with a short hash', 'files.0.sha256', new Uint8Array(31)],
    ['with a segment of three', 'files.0.segments.1', [new Uint8Array(32), 8, 0]],
    ['with a negative length', 'files.0.segments.1', [new Uint8Array(32), -8]],
    ['with two tensors of one name', 'tensors.1', stored.tensors?.[0]],
    ['with a tensor outside its file', 'tensors.0.at', [0, 5, 8]],
    ['with a tensor in a file that is not there', 'tensors.0.at', [1, 0, 8]],
    ['with a tensor of another length', 'tensors.0.at', [0, 4, 4]],
    ['with a shape beyond counting', 'tensors.0.shape', [2 ** 50, 2 ** 50]],
    ['with axes named twice', 'tensors.0.toCanonical', [0, 0]],
    ['with a missing axis', 'tensors.0.toCanonical', [0]],
    ['with a list among what it declares', 'declared.epoch', []],
    ['with a list for its files', 'files.0', []],
  ])('%s is refused', (_name, path, to) => {
    expect(() => decodeManifest(forge(path, to))).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it.each(['../x', '/x', 'a//b', 'a/../b', 'C:x', 'a\\b', '.', 'a\0'])('with the file name %j is refused', (name) => {
    const second = { name, byteLength: 0, sha256: new Uint8Array(32), segments: [] };
    expect(() => decodeManifest(forge('files.1', second))).toThrow(expect.objectContaining({ code: 'corrupt' }));
    expect(decodeManifest(forge('files.1', { ...second, name: 'a/b' })).files).toHaveLength(2);
  });

  it.each<[string, string, CanonicalValue]>([
    ['version', 'version', 2],
    ['container format', 'format', 'next-year'],
    ['element type', 'tensors.0.dtype', 'f4_e2m1'],
    ['tensor role', 'tensors.0.role', 'adapter'],
  ])('of a newer %s is told as newer', (_name, path, to) => {
    expect(() => decodeManifest(forge(path, to))).toThrow(expect.objectContaining({ code: 'format-version' }));
  });

  it('of which any prefix is given is refused', () => {
    const encoded = encodeManifest(sampleManifest);
    for (let length = 0; length < encoded.byteLength; length++) {
      expect(() => decodeManifest(encoded.subarray(0, length))).toThrow(expect.objectContaining({ code: 'corrupt' }));
    }
  });
});
