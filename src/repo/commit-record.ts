import type { Pointer } from '../objects/pointer.ts';
import { formatPointer, parsePointer } from '../objects/pointer.ts';
import type { RecordedCheckpoint } from './recorded-checkpoint.ts';

/** Raised with the form of the records: those of another version count as absent. */
const VERSION = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

type PointerHead = Omit<Pointer, 'tensors'>;
type StoredRecord = Omit<RecordedCheckpoint, 'checkpoint'> & {
  readonly record: typeof VERSION;
  readonly checkpoint?: { readonly path: string; readonly pointer: PointerHead };
};

/** The key of a commit's record: logs have keys of 64 digits. */
export function commitKey(commit: string): string {
  return commit.padEnd(64, '0');
}

/** One line of JSON, then the pointer as git has it: most who read thousands of records never ask for the tensors. */
export function encodeCommitRecord(recorded: RecordedCheckpoint): Uint8Array {
  const { checkpoint, ...facts } = recorded;
  if (checkpoint === undefined) return encoder.encode(`${JSON.stringify({ record: VERSION, ...facts })}\n`);
  const { tensors: _tensors, ...head } = checkpoint.pointer;
  const stored: StoredRecord = { record: VERSION, ...facts, checkpoint: { path: checkpoint.path, pointer: head } };
  return encoder.encode(`${JSON.stringify(stored)}\n${formatPointer(checkpoint.pointer)}`);
}

/** A pointer whose tensors are parsed when somebody asks for them. */
function lazyPointer(head: PointerHead, text: Uint8Array): Pointer {
  let whole: Pointer | undefined;
  return {
    ...head,
    get tensors() {
      whole ??= parsePointer(decoder.decode(text));
      return whole.tensors;
    },
  };
}

/** Decodes what {@link encodeCommitRecord} wrote; `undefined` for the records of another version. The log has checked the bytes. */
export function decodeCommitRecord(bytes: Uint8Array): RecordedCheckpoint | undefined {
  const lineEnd = bytes.indexOf(10);
  const stored = JSON.parse(decoder.decode(bytes.subarray(0, lineEnd))) as StoredRecord;
  if (stored.record !== VERSION) return undefined;
  const { record: _record, checkpoint, ...facts } = stored;
  if (checkpoint === undefined) return facts;
  const pointer = lazyPointer(checkpoint.pointer, bytes.subarray(lineEnd + 1));
  return { ...facts, checkpoint: { path: checkpoint.path, pointer } };
}
