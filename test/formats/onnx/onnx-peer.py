"""Prints every initializer and Constant of a model, as the onnx package reads it: name, type, shape, bytes."""
import base64, json, sys
import numpy as np
import onnx
from onnx import numpy_helper

found = []
def add(tensor, name, folder):
    if tensor.data_type == onnx.TensorProto.STRING:
        return
    array = numpy_helper.to_array(tensor, base_dir=folder)
    if tensor.data_type == onnx.TensorProto.BFLOAT16:
        array = (np.asarray(array, dtype=np.float32).view(np.uint32) >> 16).astype(np.uint16)
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

walk(onnx.load(sys.argv[1], load_external_data=False).graph, sys.argv[2])
print(json.dumps(found))
