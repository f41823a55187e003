import type { ManifestId } from '../objects/ids.ts';
import type { Archive, Member } from './model.ts';
import { LARGEST_WHOLE, sampleEach } from './sample-rows.ts';

/**
 * An archive in which large checkpoints consist of the rows that they are ranked by: enough to ask of many whether they are copies of others with their
 * units in place, and all that is decoded.
 */
export function sampledArchive(archive: Archive, members: readonly Member[]): Archive {
  if (members.every(({ summary }) => summary.parameters <= LARGEST_WHOLE)) return archive;
  const readAll = async (ids: readonly ManifestId[]) => {
    const samples = await archive.samples(ids);
    return async (id: ManifestId) => samples.get(id)?.weights ?? archive.weights(id);
  };
  return {
    ...archive,
    weights: async (id) => (await readAll([id]))(id),
    samples: async (ids) => sampleEach(ids, await readAll(ids)),
  };
}
