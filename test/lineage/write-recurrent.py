"""Writes recurrent networks as PyTorch keeps them, as torch.onnx exports them, and as Keras keeps them: write-recurrent.py FOLDER"""
import sys
import warnings

import h5py
import numpy
import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder = sys.argv[1]
HIDDEN = 16
KERAS_ORDER = {"LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2]}


class Net(torch.nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn = getattr(torch.nn, kind)(12, HIDDEN, 2, bidirectional=True)
        self.fc = torch.nn.Linear(2 * HIDDEN, 5)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


def turn(tensor, kind):
    gates = tensor.numpy().reshape(-1, HIDDEN, *tensor.shape[1:])
    return gates[KERAS_ORDER[kind]].reshape(tensor.shape)


def write_keras(state, kind, path):
    with h5py.File(path, "w") as file:
        layers = []
        for layer in range(2):
            tensors = []
            for direction, suffix in (("forward", ""), ("backward", "_reverse")):
                ih, hh, input_bias, hidden_bias = (
                    turn(state[f"rnn.{part}_l{layer}{suffix}"], kind)
                    for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                )
                bias = numpy.stack([input_bias, hidden_bias]) if kind == "GRU" else input_bias + hidden_bias
                cell = f"bidirectional_{layer}/{direction}_{kind.lower()}/cell/"
                tensors += [(cell + "kernel:0", ih.T), (cell + "recurrent_kernel:0", hh.T), (cell + "bias:0", bias)]
            layers.append((f"bidirectional_{layer}", tensors))
        dense = [("dense/kernel:0", state["fc.weight"].numpy().T), ("dense/bias:0", state["fc.bias"].numpy())]
        layers.append(("dense", dense))
        file.attrs["layer_names"] = numpy.array([name.encode() for name, _ in layers])
        for name, tensors in layers:
            group = file.create_group(name)
            group.attrs["weight_names"] = numpy.array([key.encode() for key, _ in tensors])
            for key, values in tensors:
                group.create_dataset(key, data=values)


for kind in KERAS_ORDER:
    for seed in (1, 2):
        torch.manual_seed(seed)
        net = Net(kind).eval()
        name = f"{folder}/{kind}-{seed}"
        torch.save(net.state_dict(), name + ".pt")
        torch.save({key: value.half() for key, value in net.state_dict().items()}, name + ".half.pt")
        torch.onnx.export(net, (torch.zeros(3, 1, 12),), name + ".onnx", opset_version=13)
        write_keras(net.state_dict(), kind, name + ".h5")
