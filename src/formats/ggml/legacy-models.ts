import type { HeaderCursor } from './header-cursor.ts';
import type { QuantVersion } from './short-blocks.ts';

/** What stands before the tensors of an older file, and how its tensors are stored. */
export interface LegacyPreamble {
  /** Hyperparameters by name. */
  readonly settings: readonly (readonly [string, number])[];
  /** Which layouts of blocks the writer may have had, the likelier first. */
  readonly versions: readonly QuantVersion[];
  /** ggml's number of a tensor's type in this file. */
  readonly typeNumber: (stated: number) => number;
  /** The bytes of a tensor begin at a multiple of this. */
  readonly alignment: number;
}

/** Reads a preamble as one kind of model has it; throws where the file is none of that kind. */
export type LegacyModel = (cursor: HeaderCursor) => LegacyPreamble;

const identity = (type: number) => type;

function readSettings(cursor: HeaderCursor, names: readonly string[]): readonly (readonly [string, number])[] {
  return names.map((name) => [name, cursor.i32()]);
}

function settingOf(settings: LegacyPreamble['settings'], name: string): number {
  return settings.find(([key]) => key === name)?.[1] ?? 0;
}

/** Tokens: a length and bytes each, in some files with a score behind. */
function skipVocabulary(cursor: HeaderCursor, count: number, scoreBytes: 0 | 4): void {
  for (let i = 0; i < count; i += 1) cursor.skip(cursor.u32() + scoreBytes);
}

/** The type of the file says which version of quantisation it has, in thousands (`GGML_QNT_VERSION_FACTOR`). */
function statedVersions(settings: LegacyPreamble['settings']): readonly QuantVersion[] {
  const version = Math.floor(settingOf(settings, 'ftype') / 1000);
  if (version === 2) return [2];
  return version === 1 ? [1] : [0];
}

const LLAMA = ['n_vocab', 'n_embd', 'n_mult', 'n_head', 'n_layer', 'n_rot', 'ftype'];

/** llama.cpp before GGUF; `ggjt` counts the changes of the blocks by its own version. */
function llama(versions: readonly QuantVersion[], scoreBytes: 0 | 4, alignment: number): LegacyModel {
  return (cursor) => {
    const settings = readSettings(cursor, LLAMA);
    skipVocabulary(cursor, settingOf(settings, 'n_vocab'), scoreBytes);
    return { settings, versions, typeNumber: identity, alignment };
  };
}

/** rwkv.cpp numbers types in its own way: f32, f16, then Q4_0, Q4_1, three that were withdrawn, Q5_0, Q5_1, Q8_0. */
const RWKV_TYPES: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [1, 1],
  [2, 2],
  [3, 3],
  [5, 4],
  [6, 5],
  [7, 6],
  [8, 7],
  [9, 8],
]);

function rwkv(versions: readonly QuantVersion[]): LegacyModel {
  return (cursor) => {
    const settings = readSettings(cursor, ['n_vocab', 'n_embed', 'n_layer', 'data_type']);
    return { settings, versions, typeNumber: (type) => RWKV_TYPES.get(type) ?? -1, alignment: 1 };
  };
}

/** The examples of ggml that keep the vocabulary's size once more before it. */
function example(names: readonly string[]): LegacyModel {
  return (cursor) => {
    const settings = readSettings(cursor, names);
    const count = cursor.i32();
    if (count !== settingOf(settings, 'n_vocab')) throw cursor.broken('the vocabulary must have the size stated', 4);
    skipVocabulary(cursor, count, 0);
    return { settings, versions: statedVersions(settings), typeNumber: identity, alignment: 1 };
  };
}

const WHISPER = [
  'n_vocab',
  'n_audio_ctx',
  'n_audio_state',
  'n_audio_head',
  'n_audio_layer',
  'n_text_ctx',
  'n_text_state',
  'n_text_head',
  'n_text_layer',
  'n_mels',
  'ftype',
];

/** whisper.cpp: a filter bank, then the vocabulary. */
function whisper(cursor: HeaderCursor): LegacyPreamble {
  const settings = readSettings(cursor, WHISPER);
  const mels = cursor.u32();
  cursor.skip(4 * mels * cursor.u32());
  skipVocabulary(cursor, cursor.u32(), 0);
  return { settings, versions: statedVersions(settings), typeNumber: identity, alignment: 1 };
}

const GPT_2 = example(['n_vocab', 'n_ctx', 'n_embd', 'n_head', 'n_layer', 'ftype']);
const GPT_J = example(['n_vocab', 'n_ctx', 'n_embd', 'n_head', 'n_layer', 'n_rot', 'ftype']);

/** A container before GGUF by its magic, as the first four bytes of the file read as little-endian. */
export const LEGACY_MAGICS = { ggml: 0x67676d6c, ggmf: 0x67676d66, ggjt: 0x67676a74 } as const;

/** The models that a file with this magic (and version, behind those that have one) may be. */
export function legacyModels(magic: number, version: number): readonly LegacyModel[] {
  if (magic === LEGACY_MAGICS.ggml) return [llama([0], 0, 1), GPT_2, GPT_J, whisper];
  if (magic === LEGACY_MAGICS.ggmf && version === 1) return [llama([0], 4, 1)];
  if (magic === LEGACY_MAGICS.ggmf && version === 100) return [rwkv([0, 1])];
  if (magic === LEGACY_MAGICS.ggmf && version === 101) return [rwkv([2, 1])];
  const ofVersion: Readonly<Record<number, QuantVersion>> = { 1: 0, 2: 1, 3: 2 };
  const layout = magic === LEGACY_MAGICS.ggjt ? ofVersion[version] : undefined;
  return layout === undefined ? [] : [llama([layout], 4, 32)];
}
