import type { CommitId } from '../../src/objects/ids.ts';
import type { Pointer } from '../../src/objects/pointer.ts';
import type { NewCommit, Signature } from '../../src/store/history.ts';
import { samplePointer } from '../objects/samples.ts';

export const author: Signature = {
  name: 'A. Tester',
  email: 'a@example.com',
  timestamp: 1_700_000_000,
  timezoneOffset: -90,
};

/** A pointer like the sample, told apart by a number. */
export const pointerOf = (n: number): Pointer => ({ ...samplePointer, byteLength: n });

export const newCommit = (n: number, parents: readonly CommitId[] = [], path = `ckpt-${n}.pt`): NewCommit => ({
  parents,
  path,
  pointer: pointerOf(n),
  message: `checkpoint ${n}\n`,
  author,
});
