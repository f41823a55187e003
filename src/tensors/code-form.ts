/** How a file keeps the numbers of a tensor as codes: 8-bit integers, or blocks with scales of their own (ggml's names). */
export type CodeForm = 'i8' | 'u8' | BlockForm;

/** Blocks of 32 whose scales follow from their numbers. */
export type RoundedForm = 'q8_0' | 'q4_0' | 'q4_1' | 'q5_0' | 'q5_1';

/** Blocks of 256 whose scales their writers search for; the codes follow from the numbers and the scales. */
export type HeadedForm = 'q4_k' | 'q5_k' | 'q6_k';

/** The forms that come in blocks. */
export type BlockForm = RoundedForm | HeadedForm;

/** One block: so many numbers in so many bytes. */
export interface BlockSize {
  readonly elements: number;
  readonly byteLength: number;
}

/** Sizes of blocks (`ggml-common.h`): halves for scale and minimum, scales of parts in blocks of 256, high bits of each code apart, the rest of the codes. */
const BLOCKS: Readonly<Record<BlockForm, BlockSize>> = {
  q8_0: { elements: 32, byteLength: 34 },
  q4_0: { elements: 32, byteLength: 18 },
  q4_1: { elements: 32, byteLength: 20 },
  q5_0: { elements: 32, byteLength: 22 },
  q5_1: { elements: 32, byteLength: 24 },
  q4_k: { elements: 256, byteLength: 144 },
  q5_k: { elements: 256, byteLength: 176 },
  q6_k: { elements: 256, byteLength: 210 },
};

/** Size of the smallest run of numbers that a form codes by itself. */
export function codeUnit(form: CodeForm): BlockSize {
  return form === 'i8' || form === 'u8' ? { elements: 1, byteLength: 1 } : BLOCKS[form];
}

/** Narrows to the forms that come in blocks. */
export function isBlockForm(form: CodeForm): form is BlockForm {
  return form !== 'i8' && form !== 'u8';
}

/** Narrows to the forms whose blocks begin with scales that were searched for. */
export function isHeadedForm(form: CodeForm): form is HeadedForm {
  return form === 'q4_k' || form === 'q5_k' || form === 'q6_k';
}

/** The form of that name; `undefined` for layouts that wsvc has no recipe for. */
export function findBlockForm(name: string): BlockForm | undefined {
  const key = name.toLowerCase();
  return key in BLOCKS ? (key as BlockForm) : undefined;
}
