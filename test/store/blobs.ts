import { sha256Hex } from '../../src/bytes/sha256.ts';
import type { BlockCoder } from '../../src/codec/index.ts';
import { type BlobId, parseBlobId } from '../../src/objects/ids.ts';
import type { BlobHint, BlobStore } from '../../src/store/blob-store.ts';

export const idOf = (plain: Uint8Array): BlobId => parseBlobId(sha256Hex(plain));

/** A small deterministic generator (xorshift), so that tests give the same bytes every time. */
export function createRandom(seed: number): () => number {
  let state = (Math.imul(seed, 2654435761) ^ 0x9e3779b9) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function randomBytes(byteLength: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  return Uint8Array.from({ length: byteLength }, () => Math.floor(random() * 256));
}

/** The bytes with a few of them changed, as a training step changes weights. */
export function changeSome(bytes: Uint8Array, seed: number, count = 8): Uint8Array {
  const random = createRandom(seed);
  const changed = bytes.slice();
  for (let i = 0; i < count; i++) changed[Math.floor(random() * bytes.byteLength)] = Math.floor(random() * 256);
  return changed;
}

export async function putAll(
  store: BlobStore,
  blobs: readonly { readonly plain: Uint8Array; readonly hint?: BlobHint }[],
): Promise<readonly BlobId[]> {
  const batch = await store.beginBatch();
  const ids: BlobId[] = [];
  try {
    for (const { plain, hint } of blobs) {
      ids.push(idOf(plain));
      await batch.put(idOf(plain), plain, hint ?? { type: 'bytes' });
    }
    await batch.commit();
  } finally {
    await batch.discard();
  }
  return ids;
}

/**
 * A coder whose sizes a test can predict: 0 stores plain bytes, 1 lists the positions that differ from the base, 2 those
 * that differ from base XOR base-of-base XOR base (so it really needs both).
 */
export const testCoder: BlockCoder = {
  encodeBlock(plain, { base, baseOfBase }) {
    if (base === undefined || base.byteLength !== plain.byteLength) return { codec: 0, payload: plain, ancestors: 0 };
    const prediction = predict(base, baseOfBase);
    const out: number[] = [];
    plain.forEach((byte, i) => {
      if (byte !== prediction[i]) out.push(i & 255, (i >> 8) & 255, (i >> 16) & 255, byte);
    });
    return {
      codec: baseOfBase === undefined ? 1 : 2,
      payload: Uint8Array.from(out),
      ancestors: baseOfBase === undefined ? 1 : 2,
    };
  },
  decodeBlock({ codec, payload }, byteLength, { base, baseOfBase }) {
    if (codec === 0) return checkLength(payload.slice(), byteLength);
    if (base === undefined || (codec === 2 && baseOfBase === undefined)) throw new Error('an ancestor is missing');
    const plain = predict(base, codec === 2 ? baseOfBase : undefined);
    for (let i = 0; i + 3 < payload.byteLength; i += 4) {
      const [a = 0, b = 0, c = 0, value = 0] = payload.subarray(i, i + 4);
      plain[a | (b << 8) | (c << 16)] = value;
    }
    return checkLength(plain, byteLength);
  },
};

function predict(base: Uint8Array, baseOfBase: Uint8Array | undefined): Uint8Array {
  // Two equal ancestors say "no change"; where they differ the change is expected to go on.
  return base.map((byte, i) => (baseOfBase === undefined ? byte : (2 * byte - (baseOfBase[i] ?? 0)) & 255));
}

function checkLength(plain: Uint8Array, byteLength: number): Uint8Array {
  if (plain.byteLength !== byteLength) throw new Error('another length');
  return plain;
}
