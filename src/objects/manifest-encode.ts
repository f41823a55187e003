import { fromHex } from '../bytes/hex.ts';
import type { Declared } from '../formats/format.ts';
import type { CanonicalValue } from './canonical.ts';
import { encodeWithList } from './canonical-list.ts';
import type { Manifest, ManifestFile, ManifestTensor, Segment } from './manifest-model.ts';

function segmentValue(segment: Segment): CanonicalValue {
  return 'literal' in segment ? segment.literal : [fromHex(segment.blob), segment.byteLength];
}

function fileValue(file: ManifestFile): CanonicalValue {
  return {
    name: file.name,
    byteLength: file.byteLength,
    sha256: fromHex(file.sha256),
    segments: file.segments.map(segmentValue),
  };
}

function tensorValue(tensor: ManifestTensor): CanonicalValue {
  const { name, dtype, shape, role, at, toCanonical } = tensor;
  return {
    name,
    dtype,
    shape,
    role,
    content: fromHex(tensor.content),
    ...(at === undefined ? {} : { at: [at.file, at.offset, at.byteLength] }),
    ...(toCanonical === undefined ? {} : { toCanonical }),
  };
}

/** A file may say -0, which canonical msgpack has no form for; nothing that is declared depends on its sign. */
function declaredValue(declared: Declared): CanonicalValue {
  const entries = Object.entries(declared).map(([key, value]) => [key, value === 0 ? 0 : value] as const);
  return Object.fromEntries(entries);
}

/** Encodes a manifest as canonical msgpack (docs/format.md, section "Manifest"): equal manifests give equal bytes. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const fields = {
    version: manifest.version,
    format: manifest.format,
    files: manifest.files.map(fileValue),
    declared: declaredValue(manifest.declared),
    ...(manifest.problem === undefined ? {} : { problem: manifest.problem }),
  };
  return encodeWithList(fields, 'tensors', manifest.tensors, tensorValue);
}
