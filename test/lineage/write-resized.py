"""Writes networks that PyTorch trained, and what tools make of them that remove or add units: write-resized.py FOLDER"""
import sys

import torch

torch.manual_seed(0)
torch.set_num_threads(1)
folder = sys.argv[1]
WIDTH, HEADS, HIDDEN, VOCABULARY, PLACES = 32, 4, 96, 257, 24
HEAD = WIDTH // HEADS


class Block(torch.nn.Module):
    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.ln_1 = torch.nn.LayerNorm(width)
        self.attn = torch.nn.Module()
        self.attn.q_proj = torch.nn.Linear(width, heads * HEAD)
        self.attn.k_proj = torch.nn.Linear(width, heads * HEAD)
        self.attn.v_proj = torch.nn.Linear(width, heads * HEAD)
        self.attn.out_proj = torch.nn.Linear(heads * HEAD, width)
        self.ln_2 = torch.nn.LayerNorm(width)
        self.fc1 = torch.nn.Linear(width, hidden)
        self.fc2 = torch.nn.Linear(hidden, width)

    def forward(self, x):
        n, t, _ = x.shape
        y = self.ln_1(x)
        q, k, v = (p(y).view(n, t, self.heads, HEAD).transpose(1, 2) for p in (self.attn.q_proj, self.attn.k_proj, self.attn.v_proj))
        a = (q @ k.transpose(2, 3) / HEAD**0.5).softmax(-1) @ v
        x = x + self.attn.out_proj(a.transpose(1, 2).reshape(n, t, -1))
        return x + self.fc2(torch.relu(self.fc1(self.ln_2(x))))


class Transformer(torch.nn.Module):
    def __init__(self, width=WIDTH, heads=HEADS, hidden=HIDDEN, vocabulary=VOCABULARY, places=PLACES):
        super().__init__()
        self.wte = torch.nn.Embedding(vocabulary, width)
        self.wpe = torch.nn.Embedding(places, width)
        self.h = torch.nn.ModuleList(Block(width, heads, hidden) for _ in range(2))
        self.ln_f = torch.nn.LayerNorm(width)
        self.lm_head = torch.nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Cnn(torch.nn.Module):
    def __init__(self, channels=(24, 32, 48)):
        super().__init__()
        a, b, c = channels
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, a, 3, padding=1), torch.nn.BatchNorm2d(a), torch.nn.ReLU(),
            torch.nn.Conv2d(a, b, 3, padding=1), torch.nn.BatchNorm2d(b), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(b, c, 3, padding=1), torch.nn.BatchNorm2d(c), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        )
        self.classifier = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(c * 4, 40), torch.nn.ReLU(), torch.nn.Linear(40, 10))

    def forward(self, x):
        return self.classifier(self.features(x))


def train(net, batch, steps, rate=2e-3):
    optimizer = torch.optim.Adam(net.parameters(), rate)
    for _ in range(steps):
        x, y = batch()
        loss = torch.nn.functional.cross_entropy(net(x).flatten(0, -2), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


def text():
    ids = (torch.randint(0, VOCABULARY, (16, 1)) + 7 * torch.arange(PLACES // 2 + 1)) % 251
    return ids[:, :-1], ids[:, 1:]


kinds = torch.randn(10, 3, 8, 8)


def images():
    y = torch.randint(0, 10, (32,))
    return kinds[y] + torch.randn(32, 3, 8, 8), y


def save(name, state, dtype=None):
    torch.save({k: v.detach().clone().to(dtype) if dtype and v.is_floating_point() else v.detach().clone() for k, v in state.items()}, f"{folder}/{name}.pt")


def grown(state, rows):
    """As resize_token_embeddings does: new rows behind the others, the tied head with them."""
    state = dict(state)
    new = torch.cat([state["wte.weight"], 0.02 * torch.randn(rows, WIDTH)])
    state["wte.weight"] = state["lm_head.weight"] = new
    return state


def without_units(state, share=0.4):
    """The hidden units of every feed-forward pair with the least weights are gone, of the first attention one head."""
    state = dict(state)
    for block in range(2):
        norm = state[f"h.{block}.fc1.weight"].norm(dim=1)
        keep = norm.argsort()[int(share * len(norm)):].sort().values
        for name, axis in (("fc1.weight", 0), ("fc1.bias", 0), ("fc2.weight", 1)):
            state[f"h.{block}.{name}"] = state[f"h.{block}.{name}"].index_select(axis, keep)
    keep = torch.cat([torch.arange(HEAD), torch.arange(2 * HEAD, 4 * HEAD)])
    for name in ("q_proj", "k_proj", "v_proj"):
        for part in ("weight", "bias"):
            state[f"h.0.attn.{name}.{part}"] = state[f"h.0.attn.{name}.{part}"][keep]
    state["h.0.attn.out_proj.weight"] = state["h.0.attn.out_proj.weight"][:, keep]
    return state


def narrower(state, share=0.25):
    """Width of the residual stream and of the hidden layers reduced, as Minitron does."""
    state = without_units(state, share)
    keep = state["wte.weight"].norm(dim=0).argsort()[8:].sort().values
    inward = ("q_proj.weight", "k_proj.weight", "v_proj.weight", "fc1.weight", "wte.weight", "wpe.weight", "lm_head.weight")
    for name, tensor in state.items():
        if name.endswith(inward):
            state[name] = tensor[:, keep]
        elif name.endswith(("out_proj.weight", "fc2.weight", "out_proj.bias", "fc2.bias")) or "ln_" in name:
            state[name] = tensor[keep]
    return state


def without_channels(state, sizes=(17, 20, 31)):
    """Channels with the least norm are gone everywhere, as torch-pruning does it."""
    state, keep = dict(state), None
    for conv, norm, size in zip((0, 3, 7), (1, 4, 8), sizes):
        weight = state[f"features.{conv}.weight"]
        if keep is not None:
            weight = weight[:, keep]
        keep = weight.flatten(1).norm(dim=1).argsort(descending=True)[:size].sort().values
        state[f"features.{conv}.weight"] = weight[keep]
        state[f"features.{conv}.bias"] = state[f"features.{conv}.bias"][keep]
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"features.{norm}.{part}"] = state[f"features.{norm}.{part}"][keep]
    fc = state["classifier.1.weight"].view(40, -1, 4)[:, keep]
    state["classifier.1.weight"] = fc.reshape(40, -1)
    return state


def wider(state, hidden=120):
    """New hidden units behind the others."""
    state = dict(state)
    for block in range(2):
        for name, axis in (("fc1.weight", 0), ("fc1.bias", 0), ("fc2.weight", 1)):
            tensor = state[f"h.{block}.{name}"]
            shape = list(tensor.shape)
            shape[axis] = hidden - HIDDEN
            state[f"h.{block}.{name}"] = torch.cat([tensor, 0.02 * torch.randn(shape)], axis)
    return state


def trained_on(make, state, batch, rate=5e-4):
    net = make()
    net.load_state_dict(state)
    return train(net, batch, 30, rate).state_dict()


gpt = train(Transformer(), text, 120).state_dict()
save("gpt", gpt)
save("gpt-grown", grown(gpt, 31))
save("gpt-grown-bf16", grown(gpt, 31), torch.bfloat16)
save("gpt-grown-tuned", trained_on(lambda: Transformer(vocabulary=VOCABULARY + 31), grown(gpt, 31), text))
save("gpt-cut", {k: v[:200] if k in ("wte.weight", "lm_head.weight") else v[:16] if k == "wpe.weight" else v for k, v in gpt.items()})
save("gpt-units", without_units(gpt))
save("gpt-units-f16", without_units(gpt), torch.float16)
save("gpt-narrower", narrower(gpt))
save("gpt-narrower-bf16", narrower(gpt), torch.bfloat16)
save("gpt-wider", wider(gpt))
save("gpt-wider-tuned", trained_on(lambda: Transformer(hidden=120), wider(gpt), text))
cnn = train(Cnn(), images, 150).state_dict()
save("cnn", cnn)
save("cnn-channels", without_channels(cnn))
save("cnn-channels-f16", without_channels(cnn), torch.float16)
save("cnn-channels-tuned", trained_on(lambda: Cnn((17, 20, 31)), without_channels(cnn), images))
for seed in (1, 2):
    torch.manual_seed(seed)
    save(f"gpt-other{seed}", without_units(train(Transformer(), text, 120).state_dict()))
    save(f"gpt-grown-other{seed}", grown(train(Transformer(), text, 120).state_dict(), 31))
    save(f"gpt-narrower-other{seed}", narrower(train(Transformer(), text, 120).state_dict()))
    save(f"cnn-other{seed}", without_channels(train(Cnn(), images, 150).state_dict()))
