import type { Format } from '../format.ts';
import { openHdf5 } from './open.ts';

const SIGNATURE = Buffer.from([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]);
/** The first place of the signature behind a user block; the others are this, doubled (HDF5 specification, II.A). */
const FIRST_USER_BLOCK = 512;

function hasSignature(head: Uint8Array): boolean {
  const isAt = (offset: number): boolean => SIGNATURE.equals(head.subarray(offset, offset + SIGNATURE.length));
  if (isAt(0)) return true;
  for (let at = FIRST_USER_BLOCK; at < head.byteLength; at *= 2) if (isAt(at)) return true;
  return false;
}

/** HDF5, also as Keras writes it. */
export const hdf5: Format = {
  name: 'hdf5',
  matches: (head, fileName) => hasSignature(head) || /\.(h5|hdf5)$/i.test(fileName),
  open: (primary, files) =>
    openHdf5({ format: 'hdf5', files: [{ name: files.primary, source: primary }], source: primary, offset: 0 }),
};
