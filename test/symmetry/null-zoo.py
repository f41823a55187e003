"""Trains small independent networks on one task, and relatives of the first ones, and writes their weights as float32, one after the other.
Prints the layout: for every architecture its tensors and how many independents and relatives follow."""
import json
import sys

import torch
import torch.nn as nn

torch.set_num_threads(1)
torch.manual_seed(0)
X = torch.rand(512, 1, 8, 8)
X = X + X.roll(1, 3) + X.roll(1, 2)
Y = (torch.stack([X[:, 0, i, i : i + 4].mean(1) for i in range(4)], 1)).argmax(1)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.conv2 = nn.Conv2d(1, 10, 3), nn.BatchNorm2d(10), nn.Conv2d(10, 8, 3, 2)
        self.fc1, self.fc2 = nn.Linear(32, 12), nn.Linear(12, 4)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(torch.relu(self.conv2(torch.relu(self.bn1(self.conv1(x))))).flatten(1))))


class Rnn(nn.Module):
    """Starts from the identity: what independents share, if the second touch is overlooked."""

    def __init__(self):
        super().__init__()
        self.rnn, self.fc = nn.RNN(8, 12, batch_first=True), nn.Linear(12, 4)
        with torch.no_grad():
            self.rnn.weight_hh_l0.copy_(torch.eye(12))

    def forward(self, x):
        return self.fc(self.rnn(x[:, 0])[0][:, -1])


def mlp():
    holder = nn.Module()
    holder.net = nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    holder.forward = lambda x: holder.net(x.flatten(1))
    return holder


def train(model, steps, seed):
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(steps):
        rows = torch.randint(0, 512, (64,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(X[rows]), Y[rows]).backward()
        optimizer.step()
    return model


INDEPENDENTS, RELATIVES, STEPS = int(sys.argv[2]), 6, 60
layout = {}
with open(sys.argv[1], "wb") as out:
    for name, make in (("cnn", Cnn), ("rnn", Rnn), ("mlp", mlp)):
        def keep(model):
            state = {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
            for tensor in state.values():
                out.write(tensor.numpy().tobytes())
            return [[k, list(v.shape)] for k, v in state.items()]
        parents = []
        for i in range(INDEPENDENTS):
            torch.manual_seed(1000 + i)
            model = train(make(), STEPS, i)
            tensors = keep(model)
            parents.append(model)
        for i in range(RELATIVES):
            keep(train(parents[i], STEPS, 500 + i))
        layout[name] = {"tensors": tensors, "independents": INDEPENDENTS, "relatives": RELATIVES}
print(json.dumps(layout))
