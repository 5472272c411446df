"""Training speed of a Llama in PyTorch on the processor. bench_torch.py CONFIG.json f32|bf16 eager|compile BxT SECONDS

Written the way that was found fastest there: scaled-dot-product attention, fused AdamW, autocast for bf16. Prints one
JSON line: tokens/s of the best and of the median step (the first two left out) and peak resident MiB.
"""
import json
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class Norm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.gain, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype) * self.gain


def rotary(seq, head, base):
    """cos and sin [seq, head] of the half-split layout."""
    freq = base ** (-torch.arange(0, head, 2).float() / head)
    angle = torch.outer(torch.arange(seq).float(), freq).repeat(1, 2)
    return angle.cos(), angle.sin()


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.heads, self.kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
        self.head = c.get("head_dim") or d // self.heads
        line = lambda i, o: nn.Linear(i, o, bias=False)
        self.norm1, self.norm2 = Norm(d, c["rms_norm_eps"]), Norm(d, c["rms_norm_eps"])
        self.q, self.o = line(d, self.heads * self.head), line(self.heads * self.head, d)
        self.k, self.v = line(d, self.kv * self.head), line(d, self.kv * self.head)
        self.gate, self.up, self.down = line(d, c["intermediate_size"]), line(d, c["intermediate_size"]), line(c["intermediate_size"], d)

    def attend(self, h, cos, sin):
        split = lambda y, n: y.unflatten(-1, (n, self.head)).transpose(1, 2)
        q, k, v = split(self.q(h), self.heads), split(self.k(h), self.kv), split(self.v(h), self.kv)
        q, k = turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype)
        if self.kv != self.heads:
            k, v = (y.repeat_interleave(self.heads // self.kv, 1) for y in (k, v))
        return self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))

    def forward(self, x, cos, sin):
        x = x + self.attend(self.norm1(x), cos, sin)
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    """Tied head; gives the mean cross-entropy of targets."""

    def __init__(self, c, seq):
        super().__init__()
        self.embed = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        cos, sin = rotary(seq, self.blocks[0].head, c["rope_theta"])
        self.register_buffer("cos", cos), self.register_buffer("sin", sin)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, c["initializer_range"])

    def forward(self, ids, targets):
        x = self.embed(ids)
        for b in self.blocks:
            x = b(x, self.cos, self.sin)
        x = self.norm(x)
        logits = x @ self.embed.weight.t().to(x.dtype)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def main(config, precision, mode, shape, seconds):
    torch.set_num_threads(2)
    torch.manual_seed(0)
    batch, seq = map(int, shape.split("x"))
    c = json.load(open(config))
    model = Llama(c, seq)
    matrices = [p for p in model.parameters() if p.dim() > 1]
    gains = [p for p in model.parameters() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}], lr=1e-4, betas=(0.9, 0.95), eps=1e-8, fused=True)
    forward = torch.compile(model) if mode == "compile" else model
    tokens = torch.Generator().manual_seed(1)
    times, end = [], None
    while end is None or time.perf_counter() < end or len(times) < 6:
        row = torch.randint(0, c["vocab_size"], (batch, seq + 1), generator=tokens)
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = forward(row[:, :-1].contiguous(), row[:, 1:].contiguous())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - start)
        if len(times) == 2:
            end = time.perf_counter() + float(seconds)
    steady = sorted(times[2:])
    print(json.dumps({
        "best": batch * seq / steady[0], "median": batch * seq / steady[len(steady) // 2], "steps": len(steady),
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "torch": torch.__version__}))


if __name__ == "__main__":
    main(*sys.argv[1:])
