"""Writes networks with batch norms, and the same with the norms folded, as exporters do: write-folded.py FOLDER"""
import copy
import sys
import warnings

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
folder = sys.argv[1]


class Net(nn.Module):
    """An ordinary, a depthwise, a pointwise and a transposed convolution, and a linear layer, each before a norm."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16)
        self.deep, self.norm_deep = nn.Conv2d(16, 16, 3, groups=16), nn.BatchNorm2d(16, affine=False)
        self.point, self.norm_point = nn.Conv2d(16, 24, 1), nn.BatchNorm2d(24, eps=1e-3)
        self.up, self.norm_up = nn.ConvTranspose2d(24, 12, 2), nn.BatchNorm2d(12)
        self.hidden, self.norm_hidden = nn.Linear(12, 20), nn.BatchNorm1d(20)
        self.head = nn.Linear(20, 4)

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = torch.relu(self.norm_deep(self.deep(x)))
        x = torch.relu(self.norm_point(self.point(x)))
        x = torch.relu(self.norm_up(self.up(x)))
        return self.head(torch.relu(self.norm_hidden(self.hidden(x.mean((2, 3))))))


def train(net, steps):
    net.train()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    x, y = torch.randn(32, 3, 7, 7) * 2 + 1, torch.randn(32, 4)
    for _ in range(steps):
        optimizer.zero_grad()
        ((net(x) - y) ** 2).mean().backward()
        optimizer.step()
    return net.eval()


def fold(net):
    folded = copy.deepcopy(net)
    for layer, norm in (("conv", "norm"), ("deep", "norm_deep"), ("point", "norm_point"), ("up", "norm_up"), ("hidden", "norm_hidden")):
        own, of = getattr(net, layer), getattr(net, norm)
        if layer == "hidden":
            fused = fuse_linear_bn_eval(own, of)
        else:
            fused = fuse_conv_bn_eval(own, of, transpose=layer == "up")
        setattr(folded, layer, fused)
        setattr(folded, norm, nn.Identity())
    return folded.state_dict()


def to_int8(values):
    if values.dim() < 2:
        return values
    step = values.abs().amax(tuple(range(1, values.dim())), keepdim=True) / 127
    return torch.round(values / step) * step


for seed in (1, 2):
    torch.manual_seed(seed)
    net = train(Net(), 20)
    name = f"{folder}/{seed}"
    folded = fold(net)
    torch.save(net.state_dict(), name + ".pt")
    torch.save(folded, name + ".folded.pt")
    torch.save({key: value.half() for key, value in folded.items()}, name + ".half.pt")
    torch.save({key: to_int8(value) for key, value in folded.items()}, name + ".int8.pt")
    torch.save({key: value * (1 + 1e-4 * torch.randn_like(value)) for key, value in folded.items()}, name + ".noisy.pt")
    torch.save({key: value.bfloat16() for key, value in folded.items()}, name + ".bf16.pt")
    torch.save({key: value.half() for key, value in net.state_dict().items()}, name + ".plainhalf.pt")
    torch.save({key: to_int8(value) if "num_" not in key else value for key, value in net.state_dict().items()}, name + ".plain8.pt")
    torch.save({key: value + 0.02 * value.std() * torch.randn_like(value) if value.dim() > 1 else value for key, value in folded.items()}, name + ".noise.pt")
    torch.save({key: torch.where(value.abs() < value.abs().median(), 0, value) if value.dim() > 1 else value for key, value in folded.items()}, name + ".pruned.pt")
    torch.onnx.export(net, (torch.zeros(1, 3, 7, 7),), name + ".onnx", opset_version=13)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 3, 7, 7)).sum().backward()
    optimizer.step()
    state = {"model": net.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state, name + ".training.pt")
    torch.save(net.state_dict(), name + ".after.pt")
    torch.save(fold(train(net, 3)), name + ".tuned.pt")
    torch.save({**folded, "head.weight": torch.randn(7, 20), "head.bias": torch.randn(7)}, name + ".head.pt")
