"""Real PyTorch modules for the function test of the axis graph. `shapes`: prints names and shapes of every model's state.
`check FILE`: permutes and scales each model's state as FILE says and prints how far the outputs move, relative to their size."""
import json
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F


class Mlp(nn.Module):
    def __init__(self, act=torch.tanh, sizes=(20, 16, 12, 5)):
        super().__init__()
        self.act = act
        self.depth = len(sizes) - 1
        for i in range(self.depth):
            setattr(self, f"fc{i + 1}", nn.Linear(sizes[i], sizes[i + 1]))

    def forward(self, x):
        for i in range(self.depth):
            x = getattr(self, f"fc{i + 1}")(x)
            x = self.act(x) if i + 1 < self.depth else x
        return x


class ResidualMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3, self.fc4 = nn.Linear(9, 16), nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 4)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = x + torch.relu(self.fc2(x))
        return self.fc4(x + torch.relu(self.fc3(x)))


class ZooCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(1, 8, 5), nn.Conv2d(8, 6, 5), nn.Conv2d(6, 4, 2)
        self.fc1, self.fc2 = nn.Linear(36, 20), nn.Linear(20, 10)

    def forward(self, x):
        x = torch.relu(F.max_pool2d(self.conv1(x), 2))
        x = torch.relu(F.max_pool2d(self.conv2(x), 2))
        return self.fc2(torch.relu(self.fc1(torch.relu(self.conv3(x)).flatten(1))))


class BatchNormCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.conv2, self.bn2 = nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.Conv2d(12, 16, 3), nn.BatchNorm2d(16)
        self.fc = nn.Linear(16 * 4, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 2)
        return self.fc(F.adaptive_avg_pool2d(torch.relu(self.bn2(self.conv2(x))), 2).flatten(1))


class PreNormCnn(nn.Module):
    """Norms before their layers, as DenseNet has them; sizes tell."""

    def __init__(self):
        super().__init__()
        self.bn1, self.conv1, self.bn2, self.conv2 = nn.BatchNorm2d(3), nn.Conv2d(3, 12, 3), nn.BatchNorm2d(12), nn.Conv2d(12, 7, 3)

    def forward(self, x):
        return self.conv2(torch.relu(self.bn2(self.conv1(torch.relu(self.bn1(x)))))).mean((2, 3))


class Vgg(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.avgpool = nn.AdaptiveAvgPool2d(3)
        self.classifier = nn.Sequential(nn.Linear(72, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 5))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


class BodyAndHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(9, 16), nn.ReLU(), nn.Linear(16, 12), nn.ReLU())
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.encoder(x))


class Heads(nn.Module):
    """A list whose members stand side by side."""

    def __init__(self, name="heads"):
        super().__init__()
        self.name = name
        setattr(self, name, nn.ModuleList([nn.Linear(8, 8) for _ in range(3)]))

    def forward(self, x):
        return torch.cat([layer(x) for layer in getattr(self, self.name)], -1)


class ResidualList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(3)])
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        for layer in self.layers:
            x = x + torch.tanh(layer(x))
        return self.out(x)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(9, 16), nn.Linear(16, 4), nn.Linear(16, 1)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))
        return torch.cat([self.fc2(x), self.fc3(x)], -1)


class Vae(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22, self.fc3, self.fc4 = nn.Linear(20, 16), nn.Linear(16, 4), nn.Linear(16, 4), nn.Linear(4, 16), nn.Linear(16, 20)

    def forward(self, x):
        h = torch.relu(self.fc1(x))
        return self.fc4(torch.relu(self.fc3(self.fc21(h) + self.fc22(h))))


class Concatenating(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(16, 5, 3, padding=1)

    def forward(self, x):
        a = torch.relu(self.conv1(x))
        return self.conv3(torch.cat([a, torch.relu(self.conv2(a))], 1)).mean((2, 3))


class GroupNormed(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(4, 8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Flatten(), nn.Linear(6 * 36, 4))

    def forward(self, x):
        return self.net(x)


class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 16, 3, groups=2), nn.ReLU(), nn.Conv2d(16, 5, 3))

    def forward(self, x):
        return self.net(x).mean((2, 3))


class Depthwise(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, groups=8), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 1), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 4, 1))

    def forward(self, x):
        return self.net(x).mean((2, 3))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.ConvTranspose2d(8, 8, 4), nn.ReLU(), nn.ConvTranspose2d(8, 8, 4), nn.ReLU(), nn.ConvTranspose2d(8, 3, 4))

    def forward(self, x):
        return self.net(x).mean((2, 3))


class AutoEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Conv2d(8, 5, 3))
        self.decoder = nn.Sequential(nn.ConvTranspose2d(5, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 8, 3), nn.ReLU(), nn.ConvTranspose2d(8, 3, 3))

    def forward(self, x):
        return self.decoder(self.encoder(x)).mean((2, 3))


class Recurrent(nn.Module):
    def __init__(self, kind, **kwargs):
        super().__init__()
        self.rnn = kind(5, 8, batch_first=True, **kwargs)
        self.fc = nn.Linear(16 if kwargs.get("bidirectional") else 8, 3)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


class Dqn(nn.Module):
    """Stable-Baselines3's names."""

    def __init__(self):
        super().__init__()
        self.q_net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))
        self.q_net_target = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return torch.cat([self.q_net(x), self.q_net_target(x)], -1)


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.policy_net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
        self.value_net = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())


class Ppo(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(2))
        self.mlp_extractor = Extractor()
        self.action_net, self.value_net = nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, x):
        a, v = self.mlp_extractor.policy_net(x), self.mlp_extractor.value_net(x)
        return torch.cat([self.action_net(a) + self.log_std, self.value_net(v)], -1)


class NatureCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(4, 8, 4, 2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten())
        self.linear = nn.Sequential(nn.Linear(8 * 9, 16), nn.ReLU())


class PpoCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features_extractor = NatureCnn()
        self.action_net, self.value_net = nn.Linear(16, 3), nn.Linear(16, 1)

    def forward(self, x):
        h = self.features_extractor.linear(self.features_extractor.cnn(x))
        return torch.cat([self.action_net(h), self.value_net(h)], -1)


class Dueling(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.advantage = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
        self.value = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        h = self.features(x)
        return self.advantage(h) + self.value(h)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.pos_embedding = nn.Embedding(11, 12), nn.Embedding(7, 12)
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(12, 3, 20, batch_first=True, dropout=0) for _ in range(2)])
        self.fc = nn.Linear(12, 4)

    def forward(self, x):
        h = self.embedding(x) + self.pos_embedding(torch.arange(x.shape[1]))
        for layer in self.layers:
            h = layer(h)
        return self.fc(h.mean(1))


class Attention(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(d, d, bias=False) for _ in range(4))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (m(x).view(b, t, self.heads, -1).transpose(1, 2) for m in (self.q_proj, self.k_proj, self.v_proj))
        a = torch.softmax(q @ k.transpose(-1, -2) / 2, -1) @ v
        return self.o_proj(a.transpose(1, 2).reshape(b, t, d))


class SwiGlu(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.gate_proj, self.up_proj, self.down_proj = nn.Linear(d, n, bias=False), nn.Linear(d, n, bias=False), nn.Linear(n, d, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.self_attn, self.mlp = Attention(d, 3), SwiGlu(d, 20)

    def forward(self, x):
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, extra=False):
        super().__init__()
        self.embed_tokens = nn.Embedding(11, 12)
        self.layers = nn.ModuleList([Block(12) for _ in range(2)])
        self.norm, self.lm_head = nn.LayerNorm(12), nn.Linear(12, 11, bias=False)
        if extra:
            self.mystery = nn.Parameter(torch.randn(12, 12))

    def forward(self, x):
        h = self.embed_tokens(x)
        for layer in self.layers:
            h = layer(h)
        h = h @ self.mystery if hasattr(self, "mystery") else h
        return self.lm_head(self.norm(h)).flatten(1)


class Fused(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return self.proj((torch.softmax(q @ k.transpose(-1, -2), -1) @ v).transpose(1, 2).reshape(b, t, d))


class TwoLayers(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, n), nn.Linear(n, d)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class VitBlock(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm1, self.attn, self.norm2, self.mlp = nn.LayerNorm(d), Fused(d, 3), nn.LayerNorm(d), TwoLayers(d, 24)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.proj = nn.Conv2d(channels, 12, 4, 4)


class Vit(nn.Module):
    def __init__(self, channels=3):
        super().__init__()
        self.cls_token, self.pos_embed = nn.Parameter(torch.randn(1, 1, 12)), nn.Parameter(torch.randn(1, 5, 12))
        self.patch_embed = Patches(channels)
        self.blocks = nn.Sequential(*[VitBlock(12) for _ in range(2)])
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 5)

    def forward(self, x):
        h = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.cls_token.expand(len(h), -1, -1), h], 1) + self.pos_embed
        return self.head(self.norm(self.blocks(h))[:, 0])


class Basic(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if i != o else None

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    def __init__(self, i, o, stride, groups=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(i, 6, 1, bias=False), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 6, 3, stride, 1, groups=groups, bias=False), nn.BatchNorm2d(6)
        self.conv3, self.bn3 = nn.Conv2d(6, o, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if i != o else None

    def forward(self, x):
        y = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        y = self.bn3(self.conv3(y))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    def __init__(self, block, channels=3, **kwargs):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.layer1 = nn.Sequential(block(8, 8, 1, **kwargs), block(8, 8, 1, **kwargs))
        self.layer2 = nn.Sequential(block(8, 16, 2, **kwargs), block(16, 16, 1, **kwargs))
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(9, 16), nn.Linear(9, 16), nn.Linear(16, 4)

    def forward(self, x):
        return self.fc3(torch.tanh(self.fc1(x)) * torch.sigmoid(self.fc2(x)))


class Pyramid(nn.Module):
    """The outputs of a Sequential's children are taken one by one."""

    def __init__(self):
        super().__init__()
        def stage(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU())
        self.body = nn.Sequential(stage(3, 6), stage(6, 8), stage(8, 10))
        self.lateral = nn.ModuleList([nn.Conv2d(6, 4, 1), nn.Conv2d(8, 4, 1), nn.Conv2d(10, 4, 1)])

    def forward(self, x):
        out = []
        for stage, lateral in zip(self.body, self.lateral):
            x = stage(x)
            out.append(lateral(x).mean((2, 3)))
        return torch.cat(out, 1)


class Experts(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 6)) for _ in range(3)])
        self.gate = nn.Linear(6, 3)

    def forward(self, x):
        w = torch.softmax(self.gate(x), -1)
        return sum(w[:, i : i + 1] * e(x) for i, e in enumerate(self.experts))


class Conv1D(nn.Module):
    """Keeps (in, out), as GPT-2 does."""

    def __init__(self, i, o):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(i, o)), nn.Parameter(torch.zeros(o))

    def forward(self, x):
        return x @ self.weight + self.bias


def attend(q, k, v, heads):
    n, t, d = q.shape
    q, k, v = (x.reshape(n, t, heads, d // heads).transpose(1, 2) for x in (q, k, v))
    return (torch.softmax(q @ k.transpose(-1, -2), -1) @ v).transpose(1, 2).reshape(n, t, d)


def tree(**children):
    return nn.ModuleDict(children)


class Gpt(nn.Module):
    def __init__(self, layer, d=8):
        super().__init__()
        block = lambda: tree(
            ln_1=nn.LayerNorm(d), attn=tree(c_attn=layer(d, 3 * d), c_proj=layer(d, d)),
            ln_2=nn.LayerNorm(d), mlp=tree(c_fc=layer(d, 4 * d), c_proj=layer(4 * d, d)),
        )
        blocks = nn.ModuleList([block() for _ in range(2)])
        self.transformer = tree(wte=nn.Embedding(11, d), wpe=nn.Embedding(6, d), h=blocks, ln_f=nn.LayerNorm(d))
        self.lm_head = nn.Linear(d, 11, bias=False)

    def forward(self, x):
        x = self.transformer["wte"](x) + self.transformer["wpe"](torch.arange(6))
        for b in self.transformer["h"]:
            q, k, v = b["attn"]["c_attn"](b["ln_1"](x)).chunk(3, -1)
            x = x + b["attn"]["c_proj"](attend(q, k, v, 2))
            x = x + b["mlp"]["c_proj"](F.gelu(b["mlp"]["c_fc"](b["ln_2"](x))))
        return self.lm_head(self.transformer["ln_f"](x))


class Bert(nn.Module):
    def __init__(self, classes=3, d=8):
        super().__init__()
        output = lambda i: tree(dense=nn.Linear(i, d), LayerNorm=nn.LayerNorm(d))
        block = lambda: nn.ModuleDict({
            "attention": nn.ModuleDict({"self": tree(query=nn.Linear(d, d), key=nn.Linear(d, d), value=nn.Linear(d, d)), "output": output(d)}),
            "intermediate": tree(dense=nn.Linear(d, 20)), "output": output(20),
        })
        words = tree(word_embeddings=nn.Embedding(11, d), position_embeddings=nn.Embedding(6, d), LayerNorm=nn.LayerNorm(d))
        self.bert = tree(embeddings=words, encoder=tree(layer=nn.ModuleList([block() for _ in range(2)])), pooler=tree(dense=nn.Linear(d, d)))
        if classes:
            self.classifier = nn.Linear(d, classes)

    def forward(self, x):
        e = self.bert["embeddings"]
        x = e["LayerNorm"](e["word_embeddings"](x) + e["position_embeddings"](torch.arange(6)))
        for b in self.bert["encoder"]["layer"]:
            a, o = b["attention"]["self"], b["attention"]["output"]
            x = o["LayerNorm"](x + o["dense"](attend(a["query"](x), a["key"](x), a["value"](x), 2)))
            x = b["output"]["LayerNorm"](x + b["output"]["dense"](F.gelu(b["intermediate"]["dense"](x))))
        pooled = torch.tanh(self.bert["pooler"]["dense"](x[:, 0]))
        return self.classifier(pooled) if hasattr(self, "classifier") else pooled


class Translator(nn.Module):
    """Encoder and decoder that read each other, with T5's names."""

    def __init__(self, d=8):
        super().__init__()
        attention = lambda: tree(q=nn.Linear(d, d), k=nn.Linear(d, d), v=nn.Linear(d, d), o=nn.Linear(d, d))
        part = lambda name: nn.ModuleDict({name: attention(), "layer_norm": nn.LayerNorm(d)})
        feed = lambda: tree(DenseReluDense=tree(wi=nn.Linear(d, 20), wo=nn.Linear(20, d)), layer_norm=nn.LayerNorm(d))
        block = lambda *names: tree(layer=nn.ModuleList([*map(part, names), feed()]))
        stack = lambda *names: tree(block=nn.ModuleList([block(*names) for _ in range(2)]), final_layer_norm=nn.LayerNorm(d))
        self.shared = nn.Embedding(11, d)
        self.encoder, self.decoder = stack("SelfAttention"), stack("SelfAttention", "EncDecAttention")
        self.lm_head = nn.Linear(d, 11, bias=False)

    def run(self, stack, x, other):
        for b in stack["block"]:
            for layer in b["layer"]:
                y = layer["layer_norm"](x)
                if "DenseReluDense" in layer:
                    x = x + layer["DenseReluDense"]["wo"](torch.relu(layer["DenseReluDense"]["wi"](y)))
                    continue
                a, source = (layer["SelfAttention"], y) if "SelfAttention" in layer else (layer["EncDecAttention"], other)
                x = x + a["o"](attend(a["q"](y), a["k"](source), a["v"](source), 2)) if source is y else x + a["o"](a["v"](source))
        return stack["final_layer_norm"](x)

    def forward(self, x):
        return self.lm_head(self.run(self.decoder, self.shared(x), self.run(self.encoder, self.shared(x), None)))


class LectureGpt(nn.Module):
    """Heads as modules of their own, as lectures write them."""

    def __init__(self, d=8):
        super().__init__()
        head = lambda: tree(**{n: nn.Linear(d, 4, bias=False) for n in ("key", "query", "value")})
        block = lambda: tree(
            sa=tree(heads=nn.ModuleList([head() for _ in range(2)]), proj=nn.Linear(d, d)),
            ffwd=tree(net=nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, d), nn.Dropout(0.0))),
            ln1=nn.LayerNorm(d), ln2=nn.LayerNorm(d),
        )
        self.token_embedding_table, self.position_embedding_table = nn.Embedding(11, d), nn.Embedding(6, d)
        self.blocks = nn.ModuleList([block() for _ in range(2)])
        self.ln_f, self.lm_head = nn.LayerNorm(d), nn.Linear(d, 11)

    def forward(self, x):
        x = self.token_embedding_table(x) + self.position_embedding_table(torch.arange(6))
        for b in self.blocks:
            y = b["ln1"](x)
            x = x + b["sa"]["proj"](torch.cat([attend(h["query"](y), h["key"](y), h["value"](y), 1) for h in b["sa"]["heads"]], -1))
            x = x + b["ffwd"]["net"](b["ln2"](x))
        return self.lm_head(self.ln_f(x))


class PlainGpt(nn.Module):
    """Attention without a module of its own, as people write it by hand."""

    def __init__(self, d=8):
        super().__init__()
        layer = lambda: tree(**{n: nn.Linear(d, d) for n in "qkvo"}, ln1=nn.LayerNorm(d), ln2=nn.LayerNorm(d), fc1=nn.Linear(d, 20), fc2=nn.Linear(20, d))
        self.tok, self.pos = nn.Embedding(11, d), nn.Embedding(6, d)
        self.layers = nn.ModuleList([layer() for _ in range(2)])
        self.norm, self.lm_head = nn.LayerNorm(d), nn.Linear(d, 11, bias=False)

    def forward(self, x):
        x = self.tok(x) + self.pos(torch.arange(6))
        for b in self.layers:
            y = b["ln1"](x)
            x = x + b["o"](attend(b["q"](y), b["k"](y), b["v"](y), 2))
            x = x + b["fc2"](F.gelu(b["fc1"](b["ln2"](x))))
        return self.lm_head(self.norm(x))


def wrapped(inner):
    holder = nn.Module()
    holder.module = inner
    holder.forward = inner.forward
    return holder


def sequential(*layers):
    holder = nn.Module()
    holder.net = nn.Sequential(*layers)
    holder.forward = holder.net.forward
    return holder


def normal(*shape):
    return lambda: torch.randn(3, *shape, dtype=torch.double)


def tokens():
    return torch.randint(0, 11, (3, 6))


IMAGE, GREY = normal(3, 10, 10), normal(1, 10, 10)
MODELS = {
    "mlp": (Mlp, normal(20)),
    "mlp-relu": (lambda: Mlp(torch.relu), normal(20)),
    "mlp-square": (lambda: Mlp(torch.relu, (20, 16, 16, 16, 5)), normal(20)),
    "mlp-autoencoder": (lambda: Mlp(torch.relu, (20, 16, 4, 16, 20)), normal(20)),
    "mlp-wrapped": (lambda: wrapped(Mlp()), normal(20)),
    "mlp-residual": (ResidualMlp, normal(9)),
    "zoo-cnn": (ZooCnn, normal(1, 28, 28)),
    "batch-norm-cnn": (BatchNormCnn, GREY),
    "pre-norm-cnn": (PreNormCnn, IMAGE),
    "vgg": (Vgg, IMAGE),
    "heads": (Heads, normal(8)),
    "layers-in-parallel": (lambda: Heads("layers"), normal(8)),
    "residual-list": (ResidualList, normal(8)),
    "two-heads": (TwoHeads, normal(9)),
    "vae": (Vae, normal(20)),
    "concatenating": (Concatenating, IMAGE),
    "group-norm": (GroupNormed, IMAGE),
    "grouped": (Grouped, IMAGE),
    "depthwise": (Depthwise, IMAGE),
    "decoder": (Decoder, normal(8, 3, 3)),
    "autoencoder": (AutoEncoder, IMAGE),
    "rnn": (lambda: Recurrent(nn.RNN), normal(6, 5)),
    "gru-2": (lambda: Recurrent(nn.GRU, num_layers=2), normal(6, 5)),
    "lstm": (lambda: Recurrent(nn.LSTM), normal(6, 5)),
    "lstm-bidirectional": (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), normal(6, 5)),
    "lstm-projected": (lambda: Recurrent(nn.LSTM, proj_size=4), normal(6, 5)),
    "dqn": (Dqn, normal(4)),
    "ppo": (Ppo, normal(4)),
    "ppo-cnn": (PpoCnn, IMAGE),
    "dueling": (Dueling, normal(4)),
    "encoder": (Encoder, tokens),
    "gpt2": (lambda: Gpt(Conv1D), tokens),
    "nano-gpt": (lambda: Gpt(lambda i, o: nn.Linear(i, o, bias=False)), tokens),
    "lecture-gpt": (LectureGpt, tokens),
    "plain-gpt": (PlainGpt, tokens),
    "bert": (Bert, tokens),
    "bert-bare": (lambda: Bert(0), tokens),
    "translator": (Translator, tokens),
    "llama": (Llama, tokens),
    "llama-with-a-mystery": (lambda: Llama(True), tokens),
    "vit": (Vit, normal(3, 8, 8)),
    "vit-grey": (lambda: Vit(1), normal(1, 8, 8)),
    "resnet-basic": (lambda: ResNet(Basic), IMAGE),
    "resnet-grey": (lambda: ResNet(Basic, channels=1), GREY),
    "resnet-bottleneck": (lambda: ResNet(Bottleneck), IMAGE),
    "resnext": (lambda: ResNet(Bottleneck, groups=2), IMAGE),
    "gated": (Gated, normal(9)),
    "body-and-head": (BodyAndHead, normal(9)),
    "pyramid": (Pyramid, IMAGE),
    "experts": (Experts, normal(6)),
    "sequential": (lambda: sequential(nn.Linear(9, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.PReLU(16), nn.Linear(16, 4)), normal(9)),
    "sequential-glu": (lambda: sequential(nn.Linear(9, 16), nn.GLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)), normal(9)),
    "sequential-layer-norm": (lambda: sequential(nn.Linear(9, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 4)), normal(9)),
    "sequential-flatten": (lambda: sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 9), nn.ReLU(), nn.Linear(9, 3)), GREY),
}


def build(name):
    torch.manual_seed(7)
    make, inputs = MODELS[name]
    model = make()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand_like(tensor) + 0.5 if tensor.dim() == 1 else torch.randn_like(tensor) / tensor[0].numel() ** 0.5)
    model = model.double().eval()
    if name == "ppo-cnn":
        inputs = normal(4, 12, 12)
    torch.manual_seed(8)
    return model, inputs()


def shapes():
    states = {name: build(name)[0].state_dict() for name in MODELS}
    print(json.dumps({n: [[k, list(t.shape)] for k, t in s.items() if t.is_floating_point()] for n, s in states.items()}))


def transform(tensor, view, axes):
    x = tensor.reshape(view)
    for axis, (order, factors) in axes.items():
        x = x.index_select(int(axis), torch.tensor(order))
        if factors:
            x = x * torch.tensor(factors, dtype=x.dtype).reshape([-1 if i == int(axis) else 1 for i in range(x.dim())])
    return x.reshape(tensor.shape)


def check(path):
    moved = {}
    for case in json.load(open(path)):
        model, inputs = build(case["model"])
        before = model(inputs)
        state = {k: v.clone() for k, v in model.state_dict().items()}
        for name, change in case["tensors"].items():
            state[name] = transform(state[name], change["view"], change["axes"])
        model.load_state_dict(state)
        moved[case["id"]] = ((model(inputs) - before).abs().max() / before.abs().max()).item()
    print(json.dumps(moved))


with torch.no_grad():
    shapes() if sys.argv[1] == "shapes" else check(sys.argv[2])
