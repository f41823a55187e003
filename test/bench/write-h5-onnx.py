"""Writes every archive a.npz of a folder as a.h5 (HDF5 datasets) and as a.onnx (initializers of an empty graph): write-h5-onnx.py FOLDER."""
import glob
import sys

import h5py
import numpy
import onnx
from onnx import helper, numpy_helper

for path in sorted(glob.glob(sys.argv[1] + "/*.npz")):
    with numpy.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    with h5py.File(path[:-4] + ".h5", "w") as file:
        for name, values in arrays.items():
            file.create_dataset(name, data=values)
    initializers = [numpy_helper.from_array(values, name) for name, values in arrays.items()]
    graph = helper.make_graph([], "weights", [], [], initializer=initializers)
    onnx.save(helper.make_model(graph), path[:-4] + ".onnx")
