# Writes pickles of arrays into a folder and prints what they hold: {file: {name: [dtype, shape, hex]}}.
import gzip
import io
import json
import os
import pickle
import sys
import types
import zlib

import numpy

folder = sys.argv[1]
expected = {}

NAMES = {
    "float64": "f64", "float32": "f32", "float16": "f16", "int64": "i64", "int32": "i32", "int16": "i16",
    "int8": "i8", "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "bool": "bool",
    "complex64": "c64", "complex128": "c128",
}


def describe(array):
    little = numpy.ascontiguousarray(array.astype(array.dtype.newbyteorder("<")))
    return [NAMES[array.dtype.name], list(array.shape), little.tobytes().hex()]


def expect(name, arrays):
    expected[name] = {key: describe(value) for key, value in arrays.items()}


def write(name, data):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


base = numpy.arange(24).reshape(2, 3, 4)
kinds = {}
for dtype in NAMES:
    kinds[dtype] = (base % 2 if dtype == "bool" else base).astype(dtype)
kinds["fortran"] = numpy.asfortranarray(base.astype("f4"))
kinds["big"] = base.astype(">f4")
kinds["big_fortran"] = numpy.asfortranarray(base.astype(">c8"))
kinds["sliced"] = base.astype("f4")[:, ::2]
kinds["scalar"] = numpy.array(3.5, "f4")
kinds["empty"] = numpy.zeros((0, 3), "f8")
for protocol in range(6):
    write("kinds-%d.pkl" % protocol, pickle.dumps(kinds, protocol))
    expect("kinds-%d.pkl" % protocol, kinds)


# Classes that the reader has never heard of.
class Tree:
    pass


class Forest:
    pass


def forest():
    trees = []
    for i in range(3):
        tree = Tree()
        tree.values = numpy.full((2, 2), float(i))
        tree.nodes = numpy.zeros(3, dtype=[("left", "i8"), ("threshold", "f8")])
        trees.append(tree)
    model = Forest()
    model.n_features_in_ = 7
    model.coef_ = numpy.arange(6, dtype="f8").reshape(2, 3)
    model.estimators_ = numpy.empty((3, 1), dtype=object)
    for i, tree in enumerate(trees):
        model.estimators_[i, 0] = tree
    model.classes_ = numpy.array(["a", "b"])
    return model


def forest_arrays(model):
    arrays = {"coef_": model.coef_}
    for i in range(3):
        arrays["estimators_.%d.values" % i] = model.estimators_[i, 0].values
    return arrays


model = forest()
write("forest.pkl", pickle.dumps(model, 4))
expect("forest.pkl", forest_arrays(model))
write("forest.pkl.gz", gzip.compress(pickle.dumps(model, 2)))
expect("forest.pkl.gz", forest_arrays(model))
write("forest.pkl.z", zlib.compress(pickle.dumps(model, 2)))
expect("forest.pkl.z", forest_arrays(model))

# joblib's container, as its documentation describes it: a wrapper in place of each array, the elements behind its BUILD.
joblib = types.ModuleType("joblib")
numpy_pickle = types.ModuleType("joblib.numpy_pickle")
sys.modules["joblib"] = joblib
sys.modules["joblib.numpy_pickle"] = numpy_pickle


class NumpyArrayWrapper:
    pass


NumpyArrayWrapper.__module__ = "joblib.numpy_pickle"
NumpyArrayWrapper.__qualname__ = "NumpyArrayWrapper"
numpy_pickle.NumpyArrayWrapper = NumpyArrayWrapper


class Pickler(pickle._Pickler):
    alignment = None

    def __init__(self, file, protocol):
        self.raw = file
        super().__init__(file, protocol)

    def save(self, value, save_persistent_id=True):
        if type(value) is not numpy.ndarray:
            return super().save(value)
        wrapper = NumpyArrayWrapper()
        is_fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        wrapper.subclass, wrapper.shape, wrapper.dtype = numpy.ndarray, value.shape, value.dtype
        wrapper.order, wrapper.allow_mmap = ("F" if is_fortran else "C"), True
        if self.alignment is not None:
            wrapper.numpy_array_alignment_bytes = self.alignment
        super().save(wrapper)
        if self.proto >= 4:
            self.framer.commit_frame(force=True)
        if value.dtype.hasobject:
            pickle.dump(value, self.raw, protocol=2)
            return
        if self.alignment is not None:
            padding = self.alignment - (self.raw.tell() + 1) % self.alignment
            self.raw.write(bytes([padding]) + b"\xff" * padding)
        self.raw.write(value.tobytes("F" if is_fortran else "C"))


def dump(value, protocol, alignment):
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.alignment = alignment
    pickler.dump(value)
    return file.getvalue()


plain = {"coef": kinds["float64"], "fortran": kinds["fortran"], "big": kinds["big"], "half": kinds["float16"]}
for protocol, alignment in [(2, None), (3, None), (4, 16), (5, 16)]:
    name = "joblib-%d.joblib" % protocol
    write(name, dump(plain, protocol, alignment))
    expect(name, plain)
inner = forest()
inner.estimators_[0, 0].nodes = inner.estimators_[1, 0].nodes = inner.estimators_[2, 0].nodes = None
inner.classes_ = numpy.array(["a", "b"], dtype=object)
write("forest.joblib", dump(inner, 4, 16))
expect("forest.joblib", forest_arrays(inner))
print(json.dumps(expected))
