import type { ManifestId } from '../objects/ids.ts';
import type { Archive, Member } from './model.ts';
import { LARGEST_WHOLE, sampleEach } from './sample-rows.ts';

/**
 * An archive in which large checkpoints consist of the rows that they are ranked by: enough to ask of many whether they are copies of others with their
 * units in place, and all that is decoded.
 */
export function sampledArchive(archive: Archive, members: readonly Member[]): Archive {
  if (members.every(({ summary }) => summary.parameters <= LARGEST_WHOLE)) return archive;
  const weights = async (id: ManifestId) => {
    const sample = (await archive.samples([id])).get(id);
    return sample?.weights ?? archive.weights(id);
  };
  return { ...archive, weights, samples: (ids) => sampleEach(ids, weights) };
}
