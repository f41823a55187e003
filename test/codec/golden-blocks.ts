import type { BlockContext, Gather } from '../../src/codec/index.ts';
import type { Reference } from '../../src/codec/reference.ts';
import type { ScaledProduct } from '../../src/codec/scaled-product.ts';

/** A block whose payload the format fixes. */
export interface GoldenBlock {
  readonly name: string;
  readonly codec: number;
  readonly plain: Uint8Array;
  readonly context: BlockContext;
  readonly reference?: Reference;
  /** How the base is gathered from the context's parts. */
  readonly gather?: Gather;
  /** The update; its row factor is an ancestor where the context has one. */
  readonly product?: ScaledProduct;
  /** Lower-case hex. */
  readonly payload: string;
}

function bytesOf(array: Float32Array | Float64Array | Uint16Array | Int16Array | Uint32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** Whole numbers that wander; no floating point, so that they are the same everywhere. */
function wander(count: number, factor: number): number[] {
  return Array.from({ length: count }, (_, i) => ((i * i * factor + 7 * i) % 61) - 30);
}

const weights = Float32Array.from(wander(24, 11), (k) => k / 64 + (k % 3) / 4096);
const before = Float32Array.from(weights, (w, i) => w - (i % 5) / 8192);
const after = Float32Array.from(weights, (w, i) => w + (i % 5) / 8192 + (i % 2) / 2 ** 20);
const top = (values: Float32Array) => Uint16Array.from(new Uint32Array(values.slice().buffer), (u) => u >>> 16);
/** -0, subnormal, infinities, NaNs with payloads. */
const special = Uint32Array.of(0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc12345, 0xff812345, 0, 0x3f800000);
const changed = top(weights).map((u, i) => (i % 9 === 4 ? u + 1 : u));

const f32 = bytesOf(after);
const base = bytesOf(weights);

/** 32 numbers from -1 to 3, and the block that the reference implementation makes of them. */
const ramp = Float32Array.from({ length: 32 }, (_, i) => i / 8 - 1);
const Q5_1 = '003000bc0000ffff00112233445566778899aabbccddeeff';
/** 256 numbers from -1 to 3, and a block of them: scales and minima of 8 parts, then codes, one of them another than they give. */
const slope = Float32Array.from({ length: 256 }, (_, i) => i / 64 - 1);
const Q4_K =
  '001c00249499dee37f772f27f87df277404040404141515151525252626263636363737474747474858585858586869686868787979797979797989898a8a8a8a8a9a9a9a9b9b9b9b9babababaaacacabababababababababababacbcbcbcbcbcbcbcbcbccccdcdcdcdcdcdcdcdcdcddcbccccccccdcdcdcdcdcdcdcdcdcddddddddddedededededededeeeeeeeeeeee';
const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const largest = (from: number, to: number) => Math.fround(Math.max(...weights.subarray(from, to).map(Math.abs)));
/** A matrix of four rows and six columns, turned; two numbers are others. */
const turn = (matrix: Float32Array) =>
  Float32Array.from({ length: 24 }, (_, i) => (matrix[(i % 4) * 6 + (i >> 2)] ?? 0) + (i % 11 === 7 ? 2 ** -12 : 0));

/** An update of a matrix with rows of seven, from the fourth number of a row on. */
const product: ScaledProduct = {
  rowLength: 7,
  rowOffset: 3,
  rank: 2,
  scales: Float32Array.of(2 ** -20, 2 ** -19),
  left: Int32Array.of(0, 3, 40, -5, 90, 7, -200, 1),
  right: Int32Array.from(wander(14, 7)),
};
const updated = Float32Array.from(weights, (w, i) => {
  const [row, column] = [Math.floor((i + 3) / 7), (i + 3) % 7];
  const [a = 0, b = 0] = product.left.subarray(2 * row);
  const [c = 0, d = 0] = [product.right[column], product.right[7 + column]];
  return w + (a * c + 2 * b * d) / 2 ** 20 + (i % 6 === 2 ? 2 ** -21 : 0) + 0.3 / 2 ** 24;
});

/** One block for each codec and each kind of reference. */
export const GOLDEN: readonly GoldenBlock[] = [
  {
    name: 'floats, f32',
    codec: 2,
    plain: f32,
    context: { type: 'f32' },
    payload:
      '0500e914e003ffffc1077ef0811f2841c5e0000cf77fee3e4a950d005024701c0080fbfb0f2050e050007cfe030908ac802000040a100210ec1f90007e060e053090ffff807fff030a00807f9f000406020320ccdfbf',
  },
  {
    name: 'floats, f32, special',
    codec: 2,
    plain: bytesOf(special),
    context: { type: 'f32' },
    payload:
      '00820200ff400a03d4ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff0fd4b00859b7da00fe331a000000008001000000000000000060d148a06824080000f803',
  },
  {
    name: 'floats, f64',
    codec: 2,
    plain: bytesOf(Float64Array.from(after, (w) => w / 3)),
    context: { type: 'f64' },
    payload:
      '00fb0deb14e003ffffe0033ff8c00fc4101031380e957c0200832542009322dba492fb0000000000000c00000000aaff0000000000b052555555d5ea35abaaaaaaaaeabfaaaaaa2ad58a0000000000585955555555ab00abaaaaaaaa6a0d000000005601abaaaaaaaa5a59555555d5bf8a5555555555f55f555555d5ea35abaaaaaaaab25255555555ffffabaaaaaaaafe5b555555d57f95000000000000b0aaaaaaaaff94abaaaaaaaa6a0d000000801520000000000060b1aaaaaa2a95aa',
  },
  {
    name: 'bytes, i8',
    codec: 3,
    plain: Uint8Array.from(wander(24, 3), (k) => (k >> 3) & 255),
    context: { type: 'i8' },
    payload:
      '01fee0838004e2ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fa0901383860000a398837f4e8dd43ba9f2',
  },
  {
    name: 'dense, no reference, i16',
    codec: 4,
    plain: bytesOf(Int16Array.from(wander(24, 5), (k) => k * 12)),
    context: { type: 'i16' },
    reference: { kind: 'none' },
    payload: '000200120b400c880fe490813890234019c80110259f0000339b00006ca0d54f039a8cbcda588331c73217ccc32c4c03',
  },
  {
    name: 'dense, base, f32',
    codec: 4,
    plain: f32,
    context: { type: 'f32', base },
    reference: { kind: 'base' },
    payload:
      '0105000066400a480f3ef00f3ef0ffffff400ec80fe4803c9002d2400a480fa480f4830ffcffffffffffff830f1070201700655717007b7e83c2ff5b49c30240000020008080002000000400009c02024000',
  },
  {
    name: 'dense, base, special numbers',
    codec: 4,
    plain: bytesOf(special),
    context: { type: 'f32', base: bytesOf(special.toReversed()) },
    reference: { kind: 'base' },
    payload:
      '0100000477402a90feffffffffffffffffffff0fa40ea4ffff3f900a0800de050800201a08010080afcbedeb72fbbadcbe2eb71f0000f8',
  },
  {
    name: 'dense, base, f64',
    codec: 4,
    plain: bytesOf(Float64Array.from(after, (w) => w / 3)),
    context: { type: 'f64', base: bytesOf(Float64Array.from(weights, (w) => w / 3)) },
    reference: { kind: 'base' },
    payload:
      '01000000bc400a48ffffffffffffffffffffffffffffffff0f3ef00f3ef0ff0329200da480345002ca400a480331203ef8c0ffffffffe003109a301b00b1ba0600934e0fd2d2a85c330000000060adaaaaaaaa5255555515a0aaaaaaaaaa54555555adaaaaaaaaaaaaaaaaaa1500000000000000000000560000000058abaaaaaaaa5255555515c0aaaaaaaaaa55555555555555555559555555b502000000000000f900000000b002000000c0aaaaaaaaaa4a5555555500',
  },
  {
    name: 'dense, moved on, f32',
    codec: 4,
    plain: f32,
    context: { type: 'f32', base, baseOfBase: bytesOf(before) },
    reference: { kind: 'predicted', momentum: 0.75 },
    payload:
      '040000403f05000046400a480f3ef00f3ef0ffff400ec80fe4803c9002d2400a480fa480f4830ffcffffff830f1070201700655717007b7e83c2ff5b49c3020400080082000200010020081000',
  },
  {
    name: 'dense, low rank, f32',
    codec: 4,
    plain: f32,
    context: { type: 'f32', base },
    reference: {
      kind: 'low-rank',
      update: {
        rowLength: 7,
        rowOffset: 3,
        rank: 1,
        left: Float32Array.of(0, 0.5, 1, 2),
        right: Float32Array.of(0, 1, 2, 3, 4, 5, 6).map((k) => k / 8192),
      },
    },
    payload:
      '06070301000000000000003f0000803f000000400000000000000039000080390000c0390000003a0000203a0000403a05000066400c88ffffff071ff80fe480fc400a4803b1480410075214887ff081ffffffffffff3ff800100d70510237c5960006e4dfbdee8ad948024000c00b000480001000fe007f0000a700007f007f',
  },
  {
    name: 'sparse, base, bf16',
    codec: 5,
    plain: bytesOf(changed),
    context: { type: 'bf16', base: bytesOf(top(weights)) },
    reference: { kind: 'base' },
    payload: '010300000c04400da80ff40802801e120808500300a15a030000',
  },
  {
    name: 'sparse, cast to the nearest, bf16 of f32',
    codec: 5,
    plain: bytesOf(top(weights)),
    context: { type: 'bf16', base, baseType: 'f32' },
    reference: { kind: 'cast', rounding: 'nearest' },
    payload: '0200',
  },
  {
    name: 'sparse, cut off, bf16 of f32',
    codec: 5,
    plain: bytesOf(top(weights)),
    context: { type: 'bf16', base, baseType: 'f32' },
    reference: { kind: 'cast', rounding: 'truncate' },
    payload: '0300',
  },
  {
    name: 'sparse, rounded, i8 of f32',
    codec: 5,
    plain: Uint8Array.from(weights, (w, i) => (Math.round(w * 127) + (i === 5 ? 1 : 0)) & 255),
    context: { type: 'i8', base, baseType: 'f32' },
    reference: { kind: 'quantized', inverseStep: 127 },
    payload: '050000fe420100000c00c0880000180108008000000080000001',
  },
  {
    name: 'sparse, rounded to blocks, Q5_1 of f32',
    codec: 5,
    plain: fromHex(Q5_1),
    context: { type: 'bytes', form: 'q5_1', base: bytesOf(ramp), baseType: 'f32' },
    reference: { kind: 'blocks', form: 'q5_1', rounding: { storedScale: false, divides: false, halfToEven: false } },
    payload: '07040000',
  },
  {
    name: 'sparse, rounded slice by slice, i8 of f32',
    codec: 5,
    plain: Uint8Array.from(weights, (w, i) => (Math.round(w * (i % 3 === 1 ? 200 : 100)) - 5) & 255),
    context: { type: 'i8', base, baseType: 'f32' },
    reference: {
      kind: 'scaled',
      codes: {
        run: 1,
        count: 3,
        offset: 0,
        factors: Float32Array.of(100, 200, 100),
        zeros: Uint8Array.of(251, 251, 251),
      },
    },
    payload: '08010300020000c842000048430000c842fbfbfb0100000400c08800001801080080000000800000',
  },
  {
    name: 'sparse, rounded by the largest of each slice, i8 of f32',
    codec: 5,
    plain: Uint8Array.from(
      weights,
      (w, i) => Math.round(w * (i < 9 ? 127 / largest(0, 9) : i < 21 ? 50 : 127 / largest(21, 24))) & 255,
    ),
    context: { type: 'i8', base, baseType: 'f32' },
    reference: { kind: 'scaled', codes: { run: 12, count: 3, offset: 3, factors: new Map([[1, 50]]) } },
    payload: '080c03030101010000484200',
  },
  {
    name: 'gathered, adaptive, base, f32',
    codec: 6,
    plain: bytesOf(turn(weights)),
    context: { type: 'f32', parts: base },
    gather: { sizes: [4, 6], order: [1, 0], start: 0, skipped: 0 },
    payload: '02040601000000071801001fed1da9c2865e04e5517bb605',
  },
  {
    name: 'adaptive, base, bf16',
    codec: 7,
    plain: bytesOf(changed),
    context: { type: 'bf16', base: bytesOf(top(weights)) },
    reference: { kind: 'base' },
    payload: '01001429850690ef15',
  },
  {
    name: 'adaptive, base and history, f32',
    codec: 7,
    plain: f32,
    context: { type: 'f32', base, baseOfBase: bytesOf(before) },
    reference: { kind: 'base' },
    payload:
      '01010fbff07007dff31514c1dfb28ec606366f4232999e8b5fa972d2958f30225a4157db4a237677a86397b72c6436ff1a0e34ee6c427b11d550b648919100',
  },
  {
    name: 'continued, moved on, f32',
    codec: 9,
    plain: f32,
    context: { type: 'f32', base, baseOfBase: bytesOf(before) },
    reference: { kind: 'predicted', momentum: 0.75 },
    payload:
      '040000403f5e850105000046400a480f3ef00f3ef0ffff400ec80fe4803c9002d2400a480fa480f4830ffcffffff830f1070201700655717007b7e83c2ff5b49c3020400080082000200010020081000',
  },
  {
    name: 'continued, base, bf16',
    codec: 9,
    plain: bytesOf(changed),
    context: {
      type: 'bf16',
      base: bytesOf(top(weights)),
      baseOfBase: bytesOf(top(weights).map((u, i) => u - (i % 4))),
    },
    reference: { kind: 'base' },
    payload: '015e7800000005c000180ec4900888920c02c0271b00',
  },
  {
    name: 'headed, Q4_K of f32',
    codec: 10,
    plain: fromHex(Q4_K),
    context: { type: 'bytes', form: 'q4_k', base: bytesOf(slope), baseType: 'f32' },
    payload: '000004001c0024000c9499dee37f772f27f87df2771830c01eae2c',
  },
  {
    name: 'updated, f32',
    codec: 8,
    plain: bytesOf(updated),
    context: { type: 'f32', base },
    product,
    payload:
      '07030200008035000000360020000000000300000028000000fbffffff5a0000000700000038ffffff010000000004230000000b0c4004880211200a448e402222010cdecf6700618b62006f1940620621a5010407200fd8d12276235db9ac6938fc',
  },
  {
    name: 'updated, row factor of its own, bf16',
    codec: 8,
    plain: bytesOf(top(updated)),
    context: { type: 'bf16', base: bytesOf(top(weights)), rowFactor: new Uint8Array(product.right.buffer) },
    product,
    payload:
      '07030200008035000000360020000000000300000028000000fbffffff5a0000000700000038ffffff01000000010448bbff94aeb30380',
  },
];
