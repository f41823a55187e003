"""Writes PyTorch files of every kind, and what they hold: {file: {name: [dtype, shape, hex of the row-major little-endian bytes]}}."""
import collections, io, json, os, pickle, struct, sys, tarfile, zipfile
import numpy as np
import torch
import torch.nn as nn

out = sys.argv[1]
expected = {}
DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64", torch.int32: "i32",
    torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool", torch.complex64: "c64", torch.complex128: "c128",
}


def raw(tensor):
    t = tensor.detach().contiguous()
    if t.is_quantized:
        t = t.dequantize()
    size = t.element_size()
    if t.numel() == 0:
        return ""
    if t.dtype == torch.bfloat16:
        t = t.view(torch.int16)
    return t.numpy().tobytes().hex()


def describe(tensor):
    dtype = "f32" if tensor.is_quantized else DTYPES[tensor.dtype]
    return [dtype, list(tensor.shape), raw(tensor)]


def save(name, value, tensors, **options):
    torch.save(value, os.path.join(out, name), **options)
    expected[name] = {key: describe(tensor) for key, tensor in tensors.items()}


torch.manual_seed(1)
values = {}
for dtype, name in DTYPES.items():
    if dtype == torch.bool:
        values[name] = torch.tensor([[True, False, True], [False, False, True]])
    elif dtype.is_floating_point or dtype.is_complex:
        values[name] = torch.randn(3, 5, dtype=torch.complex128 if dtype.is_complex else torch.float64).to(dtype)
    else:
        values[name] = torch.randint(0, 100, (4, 3)).to(dtype)
special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45])
base = torch.arange(60, dtype=torch.float32)
cube = base.view(3, 4, 5)
shapes = collections.OrderedDict(
    scalar=torch.tensor(3.5), empty=torch.zeros(0), empty3=torch.zeros(2, 0, 3), special=special, cube=cube,
    transposed=cube.t() if cube.dim() == 2 else cube.permute(2, 0, 1), column=cube[:, 1, :], step=base[3::7], tail=base[50:],
    expanded=torch.tensor([1.0, 2.0]).view(2, 1).expand(2, 3), same=cube, one=base[5:6].view(1, 1, 1), complex_t=values["c128"].t(),
    half_t=values["f16"].t(), bool_t=values["bool"].t(), long_t=values["i64"].t(),
)
for protocol in range(2, 6):
    save(f"dtypes-{protocol}.pt", values, values, pickle_protocol=protocol)
    save(f"shapes-{protocol}.pt", shapes, shapes, pickle_protocol=protocol)
for protocol in (2, 4):
    legacy = dict(_use_new_zipfile_serialization=False, pickle_protocol=protocol)
    save(f"dtypes-legacy-{protocol}.pt", values, values, **legacy)
    save(f"shapes-legacy-{protocol}.pt", shapes, shapes, **legacy)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU())
        self.heads = nn.ModuleList([nn.Linear(3, 2), nn.Linear(3, 2, bias=False)])
        self.register_buffer("scale", torch.tensor([1.0, 2.0]))
        self.heads[1].weight = self.heads[0].weight
        self.note = {"names": ["a", "b"]}

    def forward(self, x):
        return self.heads[0](self.features(x).mean((2, 3))) * self.scale


net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(3):
    optimizer.zero_grad()
    net(torch.randn(4, 2, 5, 5)).sum().backward()
    optimizer.step()
state = net.state_dict()
for name, options in (("zip", {}), ("legacy", dict(_use_new_zipfile_serialization=False))):
    save(f"state-{name}.pt", state, state, **options)
    save(f"module-{name}.pt", net, state, **options)
    moments = {f"optimizer.state.{i}.{k}": v for i, s in optimizer.state_dict()["state"].items() for k, v in s.items() if torch.is_tensor(v)}
    checkpoint = {"epoch": 7, "global_step": 123, "best_acc": 0.75, "arch": "net", "model": state, "optimizer": optimizer.state_dict(),
                  "rng_state": torch.get_rng_state(), "args": {"seed": 5, "lr": 0.1}}
    save(f"checkpoint-{name}.pt", checkpoint, {**state, **moments, "rng_state": checkpoint["rng_state"]}, **options)
save("two-models.pt", {"model": state, "ema": state}, {**{f"model.{k}": v for k, v in state.items()}, **{f"ema.{k}": v for k, v in state.items()}})
save("list.pt", [torch.ones(2), (torch.zeros(1), {"a": torch.tensor(1)})], {"0": torch.ones(2), "1.0": torch.zeros(1), "1.1.a": torch.tensor(1)})
save("tensor.pt", base, {"tensor": base})
save("parameter.pt", {"p": nn.Parameter(base[:4])}, {"p": base[:4]})
save("odd-names.pt", {"__proto__": base[:2], "constructor": base[:1], "日本": base[:3], "": base[:4]},
     {"__proto__": base[:2], "constructor": base[:1], "日本": base[:3], "": base[:4]})

quantized = {
    "q8": torch.quantize_per_tensor(torch.randn(5, 4), 0.1, 3, torch.qint8), "q8_t": torch.quantize_per_tensor(torch.randn(5, 4), 0.1, 3, torch.quint8).t(),
    "q32": torch.quantize_per_tensor(torch.randn(7), 0.001, 0, torch.qint32),
    "channel": torch.quantize_per_channel(torch.randn(3, 4), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 2]), 0, torch.qint8),
    "float_zero": torch.quantize_per_channel(torch.randn(3, 4), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.5, 1.25, -2.0]), 0, torch.quint8),
    "channel1": torch.quantize_per_channel(torch.randn(2, 3, 4), torch.tensor([0.1, 0.2, 0.3]), torch.tensor([5, 1, 2]), 1, torch.quint8),
}
save("quantized.pt", quantized, quantized)
sparse = {"dense": base[:3], "sparse": torch.eye(3).to_sparse(), "conj": torch.conj(values["c64"])}  # PyTorch 1.13 forgets that it is conjugated
save("unread.pt", sparse, {"dense": base[:3], "conj": values["c64"]})

scripted = torch.jit.trace(net.eval(), torch.randn(1, 2, 5, 5))
torch.jit.save(scripted, os.path.join(out, "traced.jit"))
expected["traced.jit"] = {k: describe(v) for k, v in scripted.state_dict().items()}
frozen = torch.jit.freeze(scripted)
torch.jit.save(frozen, os.path.join(out, "frozen.jit"))



def rewrite(source, name, compression, change=lambda key, data: data, force_zip64=False):
    """Writes the members of another file again: the same tensors in another kind of archive."""
    with zipfile.ZipFile(os.path.join(out, source)) as old, zipfile.ZipFile(os.path.join(out, name), "w", compression) as new:
        for key in sorted(old.namelist(), reverse=True):
            with new.open(key, "w", force_zip64=force_zip64) as member:
                member.write(change(key.split("/", 1)[1], old.read(key)))
        if change is swap:
            new.writestr(f"{source[:-3]}/byteorder", "big")
    expected[name] = expected[source]


def swap(key, data):
    """The bytes of one storage as a big-endian machine writes them; storages have the order of the dtypes."""
    if not key.startswith("data/"):
        return data
    dtype = list(values.values())[int(key[5:])].dtype
    size = torch.empty(0, dtype=dtype).element_size()
    return np.frombuffer(data, f"<u{size // 2 if dtype.is_complex else size}").byteswap().tobytes()


rewrite("dtypes-2.pt", "big-endian.pt", zipfile.ZIP_STORED, swap)
rewrite("shapes-2.pt", "deflated.pt", zipfile.ZIP_DEFLATED)
rewrite("shapes-2.pt", "zip64.pt", zipfile.ZIP_STORED, force_zip64=True)


class OldPickler(pickle._Pickler):
    def persistent_id(self, value):
        return next((str(key) for key, tensor in old_tensors.items() if tensor is value), None)


def member(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


# The container of 2016: storages, then views of them, then tensors by key, then a pickle that refers to tensors.
old_base = torch.arange(12, dtype=torch.float32)
old_tensors = {101: old_base.view(3, 4), 102: old_base.view(3, 4).t(), 103: old_base[4:10], 104: torch.tensor([1, 2], dtype=torch.int64)}
dumps = lambda value: pickle.dumps(value, 2)
storages = dumps(2) + dumps((11, "cpu", torch.FloatStorage)) + struct.pack("<q", 12) + old_base.numpy().tobytes()
storages += dumps((12, "cpu", torch.LongStorage)) + struct.pack("<q", 2) + struct.pack("<2q", 1, 2) + dumps([(13, 11, 4, 6)])
tensors = dumps(4)
for key, storage, offset, tensor in ((101, 11, 0, old_tensors[101]), (102, 11, 0, old_tensors[102]), (103, 13, 0, old_tensors[103]), (104, 12, 0, old_tensors[104])):
    rank = tensor.dim()
    tensors += dumps((key, storage, torch.FloatTensor)) + struct.pack("<ii", rank, 7) + struct.pack(f"<{2 * rank}q", *tensor.shape, *tensor.stride())
    tensors += struct.pack("<q", offset)
buffer = io.BytesIO()
OldPickler(buffer, 2).dump({f"t{key}": tensor for key, tensor in old_tensors.items()})
with tarfile.open(os.path.join(out, "old.tar"), "w", format=tarfile.PAX_FORMAT) as archive:
    for name, data in (("sys_info", dumps({"little_endian": True})), ("pickle", buffer.getvalue()), ("storages", storages), ("tensors", tensors)):
        member(archive, name, data)
expected["old.tar"] = {key: describe(tensor) for key, tensor in torch.load(os.path.join(out, "old.tar")).items()}

# Storages that were pickled by pickle itself: each is a legacy file inside the pickle.
torch.save({"w": 0}, os.path.join(out, "embedded.pt"))
with zipfile.ZipFile(os.path.join(out, "embedded.pt"), "w") as archive:
    archive.writestr("embedded/data.pkl", pickle.dumps({"model": {"a.w": base.view(6, 10).t(), "a.b": values["f16"]}}, 4))
expected["embedded.pt"] = {"a.w": describe(base.view(6, 10).t()), "a.b": describe(values["f16"])}

json.dump(expected, sys.stdout)
