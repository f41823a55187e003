export { readZipDirectory, type ZipEntry } from './directory.ts';
export { type ReadMemberOptions, readZipEntry, streamZipEntry } from './members.ts';
