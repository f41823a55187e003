"""Trains a ResNet-18 (the CIFAR form: 11.2 M parameters) on synthetic images and writes the storage benchmark's checkpoints.

Usage: train-resnet.py FOLDER SEED COUNT. Raw little-endian tensors; the benchmark makes files of them.
Every gradient is real: the network learns to tell ten textures apart under noise and shifts.
"""
import json
import os
import sys

import torch
from torch import nn
from torch.nn import functional as F

FOLDER, SEED, COUNT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SIZE, BATCH, APART = 16, 16, 5


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        widths = [(64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)]
        for i, (inputs, outputs, stride) in enumerate(widths, 1):
            setattr(self, f"layer{i}", nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1)))
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for i in range(1, 5):
            x = getattr(self, f"layer{i}")(x)
        return self.fc(x.mean((2, 3)))


class Textures:
    """Ten smooth random textures, each seen shifted and under noise."""

    def __init__(self, generator):
        self.generator = generator
        coarse = torch.randn(10, 3, 4, 4, generator=generator)
        self.means = F.interpolate(coarse, SIZE, mode="bicubic", align_corners=False)

    def draw(self, count=BATCH):
        labels = torch.randint(0, 10, (count,), generator=self.generator)
        shifts = torch.randint(-3, 4, (count, 2), generator=self.generator).tolist()
        images = torch.stack([torch.roll(self.means[l], s, (1, 2)) for l, s in zip(labels.tolist(), shifts)])
        return images + 1.2 * torch.randn(images.shape, generator=self.generator), labels


def train(net, data, optimizer, steps):
    for _ in range(steps):
        images, labels = data.draw()
        optimizer.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimizer.step()


def reinforce(net, data, optimizer):
    """One step of a policy gradient: the network's own draws, rewarded when right, against the batch's mean reward."""
    images, labels = data.draw(4 * BATCH)
    logits = net(images)
    actions = torch.multinomial(logits.detach().softmax(1), 1, generator=data.generator).squeeze(1)
    reward = (actions == labels).float()
    advantage = (reward - reward.mean()) / (reward.std() + 1e-6)
    optimizer.zero_grad()
    (-advantage * logits.log_softmax(1).gather(1, actions[:, None]).squeeze(1)).mean().backward()
    optimizer.step()


def merge_update(state, rank, seed):
    """What merging an adapter does to every matrix: plus the product of two thin ones, a hundredth of the weights in size."""
    generator = torch.Generator().manual_seed(seed)
    merged = {}
    for name, tensor in state.items():
        if tensor.dim() < 2:
            merged[name] = tensor
            continue
        rows, columns = tensor.shape[0], tensor[0].numel()
        left = torch.randn(rows, rank, generator=generator)
        right = torch.randn(rank, columns, generator=generator)
        update = left @ right
        update *= 0.03 * tensor.std() / update.std()
        merged[name] = (tensor.double() + update.double().reshape(tensor.shape)).to(tensor.dtype)
    return merged


def snapshot(net):
    return {name: tensor.detach().clone() for name, tensor in net.state_dict().items()}


def write(name, state):
    os.makedirs(os.path.join(FOLDER, name), exist_ok=True)
    listed = []
    with open(os.path.join(FOLDER, name, "tensors.bin"), "wb") as out:
        for tensor_name, tensor in state.items():
            kind = {torch.float32: "f32", torch.int64: "i64"}[tensor.dtype]
            data = tensor.contiguous().numpy().tobytes()
            listed.append({"name": tensor_name, "dtype": kind, "shape": list(tensor.shape), "byteLength": len(data)})
            out.write(data)
    with open(os.path.join(FOLDER, name, "tensors.json"), "w") as out:
        json.dump(listed, out)
    print(name, flush=True)


def write_run(name, net, data, optimizer, warm, step=None):
    train(net, data, optimizer, warm)
    for i in range(COUNT):
        if step is None:
            train(net, data, optimizer, APART)
        else:
            step()
        write(f"{name}-{i}", snapshot(net))


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    data = Textures(torch.Generator().manual_seed(SEED + 1))
    net = ResNet18()
    start = snapshot(net)
    write_run("early", net, data, torch.optim.Adam(net.parameters(), 1e-3), 10)
    train(net, data, torch.optim.Adam(net.parameters(), 1e-3), 60)
    train(net, data, torch.optim.Adam(net.parameters(), 2e-4), 40)
    trained = snapshot(net)

    def fresh():
        net.load_state_dict(trained)
        return net

    write_run("sgd", net, data, torch.optim.SGD(fresh().parameters(), 1e-4, 0.9), 15)
    write_run("adamw", net, data, torch.optim.AdamW(fresh().parameters(), 1e-5), 15)
    policy = torch.optim.AdamW(fresh().parameters(), 2e-7, weight_decay=0)
    net.eval()
    for _ in range(5):
        reinforce(net, data, policy)
    write_run("rl", net, data, policy, 0, lambda: reinforce(net, data, policy))
    fresh()
    write_run("last", net, data, torch.optim.Adam(net.fc.parameters(), 1e-4), 0)
    net.train()
    state = trained
    for i in range(COUNT):
        write(f"merged-{i}", state)
        state = merge_update(state, 4, SEED + i)
    del start


main()
