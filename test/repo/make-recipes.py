"""Writes one small transformer as several tools would keep it: make-recipes.py FOLDER SEED.

The roundings are written here from the formats' definitions, apart from wsvc's own.
"""
import json
import struct
import sys

import h5py
import numpy as np
import onnx
import onnx.numpy_helper
import torch

FOLDER, SEED = sys.argv[1], int(sys.argv[2])
HIDDEN, HEADS, WIDE, LAYERS, WORDS = 256, 4, 512, 2, 320
FORMS = {"F32": (0, 1, 4), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34)}
FORMS |= {"Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210)}


def draw(rng):
    def matrix(rows, columns, size):
        return (rng.standard_normal((rows, columns)) * size).astype(np.float32)

    model = {"model.embed_tokens.weight": matrix(WORDS, HIDDEN, 0.02)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        for name in ["q", "k", "v", "o"]:
            model[f"{p}self_attn.{name}_proj.weight"] = matrix(HIDDEN, HIDDEN, 0.03 + 0.004 * i)
        model[p + "mlp.gate_proj.weight"] = matrix(WIDE, HIDDEN, 0.05)
        model[p + "mlp.up_proj.weight"] = matrix(WIDE, HIDDEN, 0.04)
        model[p + "mlp.down_proj.weight"] = matrix(HIDDEN, WIDE, 0.03)
        model[p + "input_layernorm.weight"] = (1 + 0.1 * rng.standard_normal(HIDDEN)).astype(np.float32)
    return model


def safetensors(path, model):
    header, at = {}, 0
    for name in sorted(model):
        data = model[name]
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": [at, at + data.nbytes]}
        at += data.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(model):
            out.write(model[name].tobytes())


def short_names(model):
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output"}
    names |= {"mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm"}
    renamed = {}
    for name, data in model.items():
        new = name.replace("model.embed_tokens", "token_embd").replace("model.layers.", "blk.")
        for old, short in names.items():
            new = new.replace(old, short)
        if "attn_q" in new or "attn_k" in new:
            rows, columns = data.shape
            data = data.reshape(HEADS, 2, rows // HEADS // 2, columns).swapaxes(1, 2).reshape(rows, columns)
        renamed[new] = np.ascontiguousarray(data)
    return renamed


def halves(x):
    return x.astype(np.float16).view(np.uint8).reshape(len(x), 2)


def inverse(d):
    with np.errstate(divide="ignore"):
        return np.where(d == 0, np.float32(0), np.float32(1) / d).astype(np.float32)


def pack(codes):
    return (codes[:, :16] | (codes[:, 16:] << 4)).astype(np.uint8)


def fifth_bits(codes):
    return np.packbits((codes >> 4) & 1, axis=1, bitorder="little")


def quantize(data, form):
    x = data.reshape(-1, 32)
    if form == "F32":
        return data.tobytes()
    if form.endswith("_K"):
        return quantize_k(data, form)
    if form == "Q8_0":
        d = (np.abs(x).max(1) / np.float32(127)).astype(np.float32)
        y = x * inverse(d)[:, None]
        codes = (np.sign(y) * np.floor(np.abs(y.astype(np.float64)) + 0.5)).astype(np.int8)
        return np.hstack([halves(d), codes.view(np.uint8)]).tobytes()
    bits = int(form[1])
    if form.endswith("_0"):
        most = np.take_along_axis(x, np.abs(x).argmax(1)[:, None], 1)[:, 0]
        d = (most / np.float32(-(2 ** (bits - 1)))).astype(np.float32)
        y = (x * inverse(d)[:, None]).astype(np.float32) + np.float32(2 ** (bits - 1) + 0.5)
        scales = [halves(d)]
    else:
        low = x.min(1)
        d = ((x.max(1) - low) / np.float32(2**bits - 1)).astype(np.float32)
        y = ((x - low[:, None]) * inverse(d)[:, None]).astype(np.float32) + np.float32(0.5)
        scales = [halves(d), halves(low)]
    codes = np.clip(np.trunc(y), 0, 2**bits - 1).astype(np.uint8)
    high = [fifth_bits(codes)] if bits == 5 else []
    return np.hstack(scales + high + [pack(codes & 15)]).tobytes()


def half(x):
    return x.astype(np.float16).astype(np.float32)


def six_bits(scales, mins):
    out = np.zeros((len(scales), 12), np.uint8)
    out[:, 0:4], out[:, 4:8] = scales[:, :4], mins[:, :4]
    out[:, 8:12] = (scales[:, 4:] & 15) | ((mins[:, 4:] & 15) << 4)
    out[:, 0:4] |= (scales[:, 4:] >> 4) << 6
    out[:, 4:8] |= (mins[:, 4:] >> 4) << 6
    return out


def to_codes(x, step, low, high):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(step == 0, max(low, 0), np.clip(np.rint(x / step), low, high)).astype(np.int64)


def quantize_k(data, form):
    """Blocks of 256: scales by the span of each part (writers search for better ones), codes by the scales as they are stored."""
    if form == "Q6_K":
        x = data.reshape(-1, 16, 16)
        wanted = np.abs(x).max(2) / np.float32(32)
        d = wanted.max(1) / np.float32(-127)
        scales = np.rint(wanted / d[:, None]).astype(np.int8)
        step = (half(d)[:, None] * scales).astype(np.float32)
        codes = (to_codes(x, step[:, :, None], -32, 31) + np.where(step == 0, 0, 32)[:, :, None]).reshape(-1, 2, 4, 32)
        low = (codes[:, :, :2] & 15) | ((codes[:, :, 2:] & 15) << 4)
        high = sum((codes[:, :, row] >> 4) << (2 * row) for row in range(4))
        parts = [low.reshape(len(x), 128), high.reshape(len(x), 64), scales.view(np.uint8), halves(d)]
        return np.hstack([part.astype(np.uint8) for part in parts]).tobytes()
    top = 2 ** int(form[1]) - 1
    x = data.reshape(-1, 8, 32)
    below = np.maximum(-x.min(2), 0)
    wanted = (x.max(2) + below) / np.float32(top)
    d, dmin = wanted.max(1) / np.float32(63), below.max(1) / np.float32(63)
    scales = np.rint(wanted * inverse(d)[:, None]).astype(np.uint8)
    mins = np.rint(below * inverse(dmin)[:, None]).astype(np.uint8)
    step = (half(d)[:, None] * scales).astype(np.float32)
    shifted = (x + (half(dmin)[:, None] * mins).astype(np.float32)[:, :, None]).astype(np.float32)
    codes = to_codes(shifted, step[:, :, None], 0, top)
    packed = ((codes[:, 0::2] & 15) | ((codes[:, 1::2] & 15) << 4)).reshape(len(x), 128)
    high = [sum((codes[:, part] >> 4) << part for part in range(8))] if top == 31 else []
    parts = [halves(d), halves(dmin), six_bits(scales, mins), *high, packed]
    return np.hstack([part.astype(np.uint8) for part in parts]).tobytes()


def gguf(path, model, form):
    def text(s):
        return struct.pack("<Q", len(s)) + s.encode()

    head, body = b"", b""
    for name, data in model.items():
        used = form if data.ndim == 2 else "F32"
        body += b"\0" * (-len(body) % 32)
        head += text(name) + struct.pack("<I", data.ndim) + b"".join(struct.pack("<Q", n) for n in reversed(data.shape))
        head += struct.pack("<IQ", FORMS[used][0], len(body))
        body += quantize(data, used)
    settings = text("general.architecture") + struct.pack("<I", 8) + text("llama")
    settings += text("llama.attention.head_count") + struct.pack("<II", 4, HEADS)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(model), 2) + settings + head
    with open(path, "wb") as out:
        out.write(start + b"\0" * (-len(start) % 32) + body)


def onnx_int8(path, model):
    tensors = []
    for name, data in model.items():
        if data.ndim < 2:
            tensors.append(onnx.numpy_helper.from_array(data, name))
            continue
        per_row = "mlp" in name
        scale = (np.abs(data).max(1) if per_row else np.abs(data).max()) / np.float32(127)
        scale = np.asarray(scale, np.float32)
        codes = np.clip(np.rint(data / (scale[:, None] if per_row else scale)), -128, 127).astype(np.int8)
        tensors += [onnx.numpy_helper.from_array(codes, name + "_quantized"), onnx.numpy_helper.from_array(scale, name + "_scale")]
    graph = onnx.helper.make_graph([], "g", [], [], tensors)
    onnx.save(onnx.helper.make_model(graph), path)


def torch_int8(path, model):
    state = {}
    for name, data in model.items():
        tensor = torch.from_numpy(data)
        if tensor.dim() == 2:
            low, high = tensor.min(1).values.clamp(max=0), tensor.max(1).values.clamp(min=0)
            scale = (high - low) / 255
            zero = (-128 - torch.round(low / scale)).to(torch.int64)
            tensor = torch.quantize_per_channel(tensor, scale, zero, 0, torch.qint8)
        state[name] = tensor
    torch.save(state, path)


def keras_like(path, model):
    with h5py.File(path, "w") as out:
        for i, (name, data) in enumerate(model.items()):
            out[f"model_weights/layer_{i}/layer_{i}/kernel:0"] = data.T


def main():
    model = draw(np.random.default_rng(SEED))
    safetensors(f"{FOLDER}/model.safetensors", model)
    for form in FORMS:
        gguf(f"{FOLDER}/model-{form}.gguf", short_names(model), form)
    onnx_int8(f"{FOLDER}/int8.onnx", model)
    torch_int8(f"{FOLDER}/int8.pt", model)
    torch.save({n: torch.from_numpy(d).bfloat16() for n, d in reversed(model.items())}, f"{FOLDER}/bf16.pt")
    torch.save({n: torch.from_numpy(np.ascontiguousarray(d.T)) for n, d in model.items()}, f"{FOLDER}/turned.pt")
    keras_like(f"{FOLDER}/turned.h5", model)


main()
