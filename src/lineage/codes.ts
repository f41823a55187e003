import type { ManifestId } from '../objects/ids.ts';
import type { Summary } from '../sketch/summary.ts';
import { type DType, isFloat } from '../tensors/dtype.ts';
import type { Case, Finding } from './case.ts';
import { isExactCopy } from './exact-copy.ts';
import { roundings } from './tolerance.ts';

/** A judgement: same names and shapes, and everything else that can be compared is equal. */
const SURE_BY_NAMES = 0.9;
const CODE_TYPES: ReadonlySet<DType> = new Set(['i8', 'u8']);

/**
 * Names of the tensors that one checkpoint holds as bytes where the other has floats under the same name, in the same shape: the codes of a
 * quantisation whose scales stand in tensors of their own. There are as many ways to name and shape those as tools, so that codes are not
 * turned back into weights here, nor compared.
 */
function listCodes(query: Summary, stored: Summary): readonly string[] {
  const floats = new Map(
    stored.tensors.flatMap(({ name, dtype, shape }) => (isFloat(dtype) ? [[name, shape.join()] as const] : [])),
  );
  return query.tensors.flatMap(({ name, dtype, shape }) =>
    CODE_TYPES.has(dtype) && floats.get(name) === shape.join() ? [name] : [],
  );
}

/**
 * Quantized, or the original of what is stored, where one of the two holds codes and all else that both hold as floats is equal. Codes themselves are
 * not compared: sure as far as names and shapes are.
 */
export async function findCodes(subject: Case, id: ManifestId): Promise<Finding | undefined> {
  const { query, archive } = subject;
  const { summary, position } = archive.member(id);
  const own = listCodes(query.summary, summary);
  const codes = own.length > 0 ? own : listCodes(summary, query.summary);
  if (codes.length === 0 || !(await isEqualElsewhere(subject, id))) return undefined;
  const some = `${codes[0]}${codes.length > 1 ? ', …' : ''}`;
  return {
    base: id,
    parents: [{ id, weight: 1 }],
    ...(position === undefined ? {} : { position }),
    words: ['quantized'],
    direction: own.length > 0 ? 'forward' : 'backward',
    sureness: SURE_BY_NAMES,
    notes: [`${codes.length} tensors are held as integer codes (${some}), which were not compared.`],
  };
}

async function isEqualElsewhere({ frame, facts, weightsOf }: Case, id: ManifestId): Promise<boolean> {
  const [query, stored] = [frame.sample, await weightsOf(id)];
  const names = [...query.keys()].filter((name) => query.get(name)?.data.length === stored.get(name)?.data.length);
  return names.length > 0 && isExactCopy(query, stored, names, roundings(facts, query, 0), new Map());
}
