import { sha256Hex } from '../../src/bytes/sha256.ts';
import { parseBlobId, parseCommitId, parseContentId, parseFileHash, parseManifestId } from '../../src/objects/ids.ts';
import type { Manifest } from '../../src/objects/manifest.ts';
import type { Pointer } from '../../src/objects/pointer.ts';
import type { PrunedRecord } from '../../src/objects/pruned-record.ts';
import type { LineageTrailers } from '../../src/objects/trailers.ts';

const hash = (text: string): string => sha256Hex(new TextEncoder().encode(text));

/** The manifest whose bytes docs/format.md shows. */
export const sampleManifest: Manifest = {
  version: 1,
  format: 'safetensors',
  files: [
    {
      name: '',
      byteLength: 12,
      sha256: parseFileHash(hash('file')),
      segments: [{ literal: new Uint8Array([1, 2, 3, 4]) }, { blob: parseBlobId(hash('chunk')), byteLength: 8 }],
    },
  ],
  tensors: [
    {
      name: 'fc.weight',
      dtype: 'f32',
      shape: [2, 1],
      role: 'weight',
      content: parseContentId(hash('chunk')),
      at: { file: 0, offset: 4, byteLength: 8 },
      toCanonical: [1, 0],
    },
  ],
  declared: { epoch: 3 },
};

export const samplePointer: Pointer = {
  version: 1,
  manifest: parseManifestId(hash('manifest')),
  sha256: parseFileHash(hash('file')),
  byteLength: 12,
  format: 'safetensors',
  parameters: 2,
  tensors: [
    { name: 'fc.weight', dtype: 'f32', shape: [2, 1], content: parseContentId(hash('chunk')) },
    { name: 'step', dtype: 'i64', shape: [], content: parseContentId(hash('step')) },
  ],
};

export const sampleTrailers: LineageTrailers = {
  source: 'runs/a/model 7.pt',
  trajectory: 'run-1',
  position: 12.5,
  parents: [{ commit: parseCommitId('0123456789abcdef0123456789abcdef01234567'), weight: 1 }],
  relation: 'pruned+cast',
  confidence: 0.9999,
  logPValue: -275.25,
  edge: 'inferred',
};

const prunedId = parseManifestId('05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f');
const keptId = parseManifestId('11'.repeat(32));

export const samplePruned: PrunedRecord = {
  checkpoints: [
    {
      id: prunedId,
      pruning: { at: 1_700_000_000_000, policy: 'keep the last 5' },
      files: [
        {
          name: '',
          byteLength: 12,
          sha256: parseFileHash('3b9c358f36f0a31b6ad3e14f309c7cf198ac9246e8316f9ce543d5b19ac02b80'),
        },
      ],
    },
  ],
  trajectories: [
    {
      members: [
        { id: keptId, position: 0 },
        { id: prunedId, position: 1 },
      ],
      isOrdered: true,
      orderConfidence: 0.5,
      direction: 'inferred',
    },
  ],
  edges: [{ child: prunedId, parent: keptId, relation: 'next', confidence: 0.75, weight: 1, logPValue: -20.5 }],
};
