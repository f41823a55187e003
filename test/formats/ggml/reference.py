# Decodes random blocks of every type, one element after the other, from the layouts as ggml documents them.
# Reads {name: hex} as JSON, prints {name: [values]}; floats are f32, computed step by step as numpy.float32.
import json
import struct
import sys

import numpy

f32 = numpy.float32
NONLINEAR = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]
E2M1 = [0, 0.5, 1, 1.5, 2, 3, 4, 6]


def half(b, at):
    return f32(numpy.frombuffer(b, "<f2", 1, at)[0])


def single(b, at):
    return f32(numpy.frombuffer(b, "<f4", 1, at)[0])


def i8(v):
    return v - 256 if v > 127 else v


def nibble(b, at, e):  # 32 elements, two halves
    return b[at + e % 16] >> 4 if e >= 16 else b[at + e] & 15


def neighbour(b, at, e):  # 32 elements, pairs
    return b[at + e // 2] >> 4 if e % 2 else b[at + e // 2] & 15


def bit(b, at, e):
    return struct.unpack_from("<I", b, at)[0] >> e & 1


def q4_0(read, width, code):
    return lambda b, e: read(b, 0) * f32(code(b, width, e) - 8)


def q4_1(read, width, code):
    return lambda b, e: read(b, 0) * f32(code(b, 2 * width, e)) + read(b, width)


def q5_0(code):
    return lambda b, e: half(b, 0) * f32((code(b, 6, e) | bit(b, 2, e) << 4) - 16)


def q5_1(code):
    return lambda b, e: half(b, 0) * f32(code(b, 8, e) | bit(b, 4, e) << 4) + half(b, 2)


def q2_k(b, e):
    sub, s = e // 16, b[e // 16]
    q = b[16 + e // 128 * 32 + e % 32] >> (e % 128 // 32 * 2) & 3
    return half(b, 80) * f32(s & 15) * f32(q) - half(b, 82) * f32(s >> 4)


def q3_k(b, e):
    aux = struct.unpack_from("<3I", b, 96)
    k1, k2 = 0x03030303, 0x0F0F0F0F
    words = [
        (aux[0] & k2) | ((aux[2] >> 0 & k1) << 4),
        (aux[1] & k2) | ((aux[2] >> 2 & k1) << 4),
        (aux[0] >> 4 & k2) | ((aux[2] >> 4 & k1) << 4),
        (aux[1] >> 4 & k2) | ((aux[2] >> 6 & k1) << 4),
    ]
    scale = struct.pack("<4I", *words)[e // 16] - 32
    q = b[32 + e // 128 * 32 + e % 32] >> (e % 128 // 32 * 2) & 3
    if not b[e % 32] >> (e // 32) & 1:
        q -= 4
    return half(b, 108) * f32(scale) * f32(q)


def scale_min(q, j):
    if j < 4:
        return q[j] & 63, q[j + 4] & 63
    return (q[j + 4] & 15) | (q[j - 4] >> 6 << 4), (q[j + 4] >> 4) | (q[j] >> 6 << 4)


def q45_k(has_high):
    def decode(b, e):
        s, m = scale_min(b[4:16], e // 32)
        quants = 48 if has_high else 16
        q = b[quants + e // 64 * 32 + e % 32]
        q = q >> 4 if e % 64 >= 32 else q & 15
        if has_high and b[16 + e % 32] & (1 << (e // 32)):
            q += 16
        return half(b, 0) * f32(s) * f32(q) - half(b, 2) * f32(m)

    return decode


def q6_k(b, e):
    n, l, row = e // 128, e % 32, e % 128 // 32
    low = [b[n * 64 + l] & 15, b[n * 64 + l + 32] & 15, b[n * 64 + l] >> 4, b[n * 64 + l + 32] >> 4][row]
    high = b[128 + n * 32 + l] >> (2 * row) & 3
    return half(b, 208) * f32(i8(b[192 + n * 8 + l // 16 + 2 * row])) * f32((low | high << 4) - 32)


def iq4_xs(b, e):
    part = e // 32
    low = b[4 + part // 2] >> (4 * (part % 2)) & 15
    high = struct.unpack_from("<H", b, 2)[0] >> (2 * part) & 3
    scale = half(b, 0) * f32((low | high << 4) - 32)
    return scale * f32(NONLINEAR[nibble(b, 8 + 16 * part, e % 32)])


def mxfp4(b, e):
    code = nibble(b, 1, e)
    return f32(numpy.ldexp(-E2M1[code & 7] if code & 8 else E2M1[code], b[0] - 127))


def tq1_0(b, e):
    if e < 160:
        byte, n = b[e % 32], e // 32
    elif e < 240:
        byte, n = b[32 + (e - 160) % 16], (e - 160) // 16
    else:
        byte, n = b[48 + (e - 240) % 4], (e - 240) // 4
    return half(b, 52) * f32(((byte * 3**n % 256) * 3 >> 8) - 1)


TYPES = {
    "Q4_0": (32, q4_0(half, 2, nibble)),
    "Q4_1": (32, q4_1(half, 2, nibble)),
    "Q5_0": (32, q5_0(nibble)),
    "Q5_1": (32, q5_1(nibble)),
    "Q8_0": (32, lambda b, e: half(b, 0) * f32(i8(b[2 + e]))),
    "Q8_1": (32, lambda b, e: half(b, 0) * f32(i8(b[4 + e]))),
    "Q4_0 v0": (32, q4_0(single, 4, neighbour)),
    "Q4_1 v0": (32, q4_1(single, 4, neighbour)),
    "Q5_0 v0": (32, q5_0(neighbour)),
    "Q5_1 v0": (32, q5_1(neighbour)),
    "Q8_0 v0": (32, lambda b, e: single(b, 0) * f32(i8(b[4 + e]))),
    "Q4_0 v1": (32, q4_0(single, 4, nibble)),
    "Q4_1 v1": (32, q4_1(single, 4, nibble)),
    "Q2_K": (256, q2_k),
    "Q3_K": (256, q3_k),
    "Q4_K": (256, q45_k(False)),
    "Q5_K": (256, q45_k(True)),
    "Q6_K": (256, q6_k),
    "Q8_K": (256, lambda b, e: single(b, 0) * f32(i8(b[4 + e]))),
    "IQ4_NL": (32, lambda b, e: half(b, 0) * f32(NONLINEAR[nibble(b, 2, e)])),
    "IQ4_XS": (256, iq4_xs),
    "MXFP4": (32, mxfp4),
    "TQ1_0": (256, tq1_0),
    "TQ2_0": (256, lambda b, e: half(b, 64) * f32((b[e // 128 * 32 + e % 32] >> (e % 128 // 32 * 2) & 3) - 1)),
}

blocks = json.loads(open(sys.argv[1]).read())
numpy.seterr(all="ignore")
out = {}
for name, text in blocks.items():
    count, decode = TYPES[name]
    out[name] = [float(decode(bytes.fromhex(text), e)) for e in range(count)]
print(json.dumps(out))
