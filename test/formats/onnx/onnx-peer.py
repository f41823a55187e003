"""Prints every initializer and Constant of a model, as the onnx package reads it: name, type, shape, bytes."""
import base64, json, sys
import numpy as np
import onnx
from onnx import numpy_helper

found = []
uses = {}  # scale, zero point and axis by the name of the codes

def collect(graph):
    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            known.update((node.output[0], a.t) for a in node.attribute if a.name == "value")
    for node in graph.node:
        at, axis = {"DequantizeLinear": (0, 1), "QLinearConv": (3, 0), "QLinearMatMul": (3, -1)}.get(node.op_type, (None, 0))
        if at is None or node.input[at] not in known or node.input[at + 1] not in known:
            continue
        axis = next((a.i for a in node.attribute if a.name == "axis"), axis)
        zero = known.get(node.input[at + 2]) if len(node.input) > at + 2 else None
        uses[node.input[at]] = (known[node.input[at + 1]], zero, axis)

def add(tensor, name, folder):
    if tensor.data_type == onnx.TensorProto.STRING:
        return
    array = numpy_helper.to_array(tensor, base_dir=folder)
    if tensor.data_type == onnx.TensorProto.BFLOAT16:
        array = (np.asarray(array, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)
    if name in uses:
        scale, zero, axis = uses[name]
        scale = numpy_helper.to_array(scale).astype(np.float32)
        zero = np.zeros_like(scale) if zero is None else numpy_helper.to_array(zero).astype(np.float32)
        across = [1] * array.ndim
        if scale.size > 1:
            across[axis] = scale.size
        array = (array.astype(np.float32) - zero.reshape(across)) * scale.reshape(across)
    data = np.ascontiguousarray(array).tobytes()
    found.append([name, int(tensor.data_type), list(tensor.dims), base64.b64encode(data).decode()])

def walk(graph, folder):
    for tensor in graph.initializer:
        add(tensor, tensor.name, folder)
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                add(attribute.t, node.output[0], folder)
            if attribute.type == onnx.AttributeProto.GRAPH:
                walk(attribute.g, folder)

graph = onnx.load(sys.argv[1], load_external_data=False).graph
collect(graph)
walk(graph, sys.argv[2])
print(json.dumps(found))
