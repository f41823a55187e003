export { readZipDirectory, type ZipEntry } from './directory.ts';
export { type ReadMemberOptions, readZipEntry, storedChecksums, streamZipEntry } from './members.ts';
export { type WriteZipOptions, writeZip, type ZipMember } from './write-zip.ts';
