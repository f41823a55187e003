import type { ManifestId } from '../objects/ids.ts';
import type { Manifest } from '../objects/manifest.ts';

/** A manifest of more tensors than this is kept without them: a list of a hundred thousand takes 30 MB. */
const MANY_TENSORS = 1 << 14;

/** What opening a stored checkpoint takes. */
export type ManifestLayout = Pick<Manifest, 'format' | 'files'>;

/** Keeps the manifests that were read: all of those of usual size, of the others their files, and the rest for as long as somebody uses it. */
export class KeptManifests {
  readonly #whole = new Map<ManifestId, Manifest>();
  readonly #layouts = new Map<ManifestId, ManifestLayout>();
  readonly #large = new Map<ManifestId, WeakRef<Manifest>>();

  /** The whole manifest, where it is at hand. */
  find(id: ManifestId): Manifest | undefined {
    return this.#whole.get(id) ?? this.#large.get(id)?.deref();
  }

  /** What opening the checkpoint takes, where its manifest was read. */
  findLayout(id: ManifestId): ManifestLayout | undefined {
    return this.#whole.get(id) ?? this.#layouts.get(id);
  }

  keep(id: ManifestId, manifest: Manifest): void {
    if (manifest.tensors.length <= MANY_TENSORS) {
      this.#whole.set(id, manifest);
      return;
    }
    const { format, files } = manifest;
    this.#layouts.set(id, { format, files });
    this.#large.set(id, new WeakRef(manifest));
  }
}
