#!/usr/bin/env python3
"""Trains what `throughput --list` lists with PyTorch:

    tests/gpu/torch_throughput.py workloads.json torch.json --device cuda

As the service trains: bfloat16 products over float32 weights (autocast), AdamW
in one kernel, the norm clipped at 1. Each workload eagerly with cuDNN's and with
flash attention, then with the faster of them and blocks, head and loss compiled. The
file has what is known so far; a line per run is printed. A machine without
PyTorch is told so, and that is no failure.
"""

import argparse
import contextlib
import gc
import json
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    import torch.nn.functional as F
except ImportError as error:
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"torch": None, "reason": str(error)}, file)
    print(f"no PyTorch in {sys.executable}: {error}")
    sys.exit(0)

HAS_SDPA = hasattr(F, "scaled_dot_product_attention")


def attend(q, k, v):
    """Causal attention; [batch, heads, sequence, head_dim]."""
    if k.shape[1] != q.shape[1]:
        repeats = q.shape[1] // k.shape[1]
        k = k.repeat_interleave(repeats, 1)
        v = v.repeat_interleave(repeats, 1)
    if HAS_SDPA:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    mask = torch.ones(scores.shape[-2:], dtype=torch.bool,
                      device=q.device).triu(1)
    return scores.masked_fill(mask, float("-inf")).softmax(-1) @ v


def split_heads(x, heads):
    batch, sequence, width = x.shape
    return x.view(batch, sequence, heads, width // heads).transpose(1, 2)


def join_heads(x):
    batch, heads, sequence, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, sequence, heads * head_dim)


class Gpt2Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape["hidden"]
        self.heads = shape["heads"]
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = (split_heads(part, self.heads)
                   for part in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.projection(join_heads(attend(q, k, v)))
        hidden = F.gelu(self.up(self.norm2(x)), approximate="tanh")
        return x + self.down(hidden)


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-5)
        return (wide * scale * self.weight).to(x.dtype)


class LlamaBlock(nn.Module):
    def __init__(self, shape):
        super().__init__()
        width = shape["hidden"]
        self.heads, self.kv_heads = shape["heads"], shape["kv_heads"]
        head_dim = shape["head_dim"]

        def linear(wide, out):
            return nn.Linear(wide, out, bias=False)

        self.norm1 = RmsNorm(width)
        self.q = linear(width, self.heads * head_dim)
        self.kv = linear(width, 2 * self.kv_heads * head_dim)
        self.projection = linear(self.heads * head_dim, width)
        self.norm2 = RmsNorm(width)
        self.gate_up = linear(width, 2 * shape["intermediate"])
        self.down = linear(shape["intermediate"], width)
        frequencies = shape["rope_theta"] ** (
            -torch.arange(0, head_dim, 2).float() / head_dim)
        angles = torch.outer(torch.arange(shape["sequence_length"]).float(),
                             frequencies)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)

    def turn(self, x):
        a, b = x.float().chunk(2, -1)
        return torch.cat([a * self.cosine - b * self.sine,
                          b * self.cosine + a * self.sine], -1).to(x.dtype)

    def forward(self, x):
        normed = self.norm1(x)
        q = split_heads(self.q(normed), self.heads)
        k, v = (split_heads(part, self.kv_heads)
                for part in self.kv(normed).chunk(2, -1))
        q, k = self.turn(q), self.turn(k)
        x = x + self.projection(join_heads(attend(q, k.to(v.dtype), v)))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self, kind, shape):
        super().__init__()
        width, vocabulary = shape["hidden"], shape["vocabulary"]
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = (nn.Embedding(shape["sequence_length"], width)
                          if kind == "gpt2" else None)
        block = Gpt2Block if kind == "gpt2" else LlamaBlock
        self.blocks = nn.ModuleList(block(shape)
                                    for _ in range(shape["layers"]))
        self.norm = (nn.LayerNorm if kind == "gpt2" else RmsNorm)(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if kind == "gpt2":
            self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def loss(self, x, labels):
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())

    def forward(self, tokens, labels):
        x = self.tokens(tokens)
        if self.positions is not None:
            x = x + self.positions.weight
        if torch.is_autocast_enabled():
            x = x.to(torch.bfloat16)  # Of what blocks add to, too.
        for block in self.blocks:
            x = block(x)
        return self.loss(x, labels)

    def compile_parts(self):
        for i, block in enumerate(self.blocks):
            self.blocks[i] = torch.compile(block)
        self.loss = torch.compile(self.loss)


class Device:
    def __init__(self, name):
        self.name = name
        self.cuda = name == "cuda"

    def wait(self):
        if self.cuda:
            torch.cuda.synchronize()

    def forget(self):
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()

    def seconds(self, call, runs=7):
        call()
        times = []
        for _ in range(runs):
            self.wait()
            begin = time.perf_counter()
            call()
            self.wait()
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    def autocast(self):
        if not self.cuda:  # Slower than float32 there, on most machines.
            return contextlib.nullcontext()
        return torch.autocast("cuda", dtype=torch.bfloat16)

    def attention(self, kernel):
        """A context in which attention is that kernel's; None: any."""
        if not self.cuda or kernel is None:
            return contextlib.nullcontext()
        from torch.nn.attention import SDPBackend, sdpa_kernel
        return sdpa_kernel({"cudnn": SDPBackend.CUDNN_ATTENTION,
                            "flash": SDPBackend.FLASH_ATTENTION}[kernel])


def measure(device, workload, kernel, compiled, arguments):
    """Tokens a second and the like, of one arm."""
    (kind, shape), = workload["model"].items()
    size, count = workload["micro_batch_size"], workload["micro_batches"]
    torch.manual_seed(1)
    with torch.device(device.name) if hasattr(
            torch, "compile") else contextlib.nullcontext():
        model = Model(kind, shape)
    if compiled:
        model.compile_parts()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1,
        **({"fused": True} if device.cuda else {}))
    tokens = torch.randint(shape["vocabulary"],
                           (count, size, shape["sequence_length"] + 1),
                           device=device.name)

    def step():
        for batch in tokens:
            with device.autocast():
                loss = model(batch[:, :-1], batch[:, 1:])
            (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    if device.cuda:
        torch.cuda.reset_peak_memory_stats()
    times = []
    with device.attention(kernel):
        for _ in range(arguments.warmup + arguments.steps):
            device.wait()
            begin = time.perf_counter()
            step()
            device.wait()
            times.append(time.perf_counter() - begin)
    seconds = statistics.median(times[arguments.warmup:])
    return {"step_seconds": seconds, "micro_batch_size": size,
            "tokens_per_second": tokens[:, :, 1:].numel() / seconds,
            "peak_bytes": (torch.cuda.max_memory_allocated()
                           if device.cuda else 0)}


def measure_what_fits(device, workload, *arm):
    size = workload["micro_batch_size"]
    try:
        return measure(device, workload, *arm)
    except RuntimeError as error:
        if "out of memory" not in str(error) or size % 2:
            raise
    # Out here, where the error does not keep the model alive.
    device.forget()
    return measure_what_fits(
        device, {**workload, "micro_batch_size": size // 2,
                 "micro_batches": workload["micro_batches"] * 2}, *arm)


def run_arms(device, workload, arguments):
    """Yields the arms' results."""
    fastest = {}

    def run(name, kernel, compiled):
        if time.monotonic() > arguments.deadline:
            return {"arm": name, "error": "out of time"}
        try:
            result = measure_what_fits(device, workload, kernel, compiled,
                                       arguments)
        except Exception as error:  # Whatever it is, the others go on.
            result = {"error": f"{type(error).__name__}: {error}"[:500]}
        device.forget()
        return {"arm": name, "kernel": kernel, **result}

    for kernel in ["cudnn", "flash"] if device.cuda else [None]:
        result = run(f"eager {kernel}" if kernel else "eager", kernel, False)
        if (result.get("tokens_per_second", 0)
                > fastest.get("tokens_per_second", 0)):
            fastest = result
        yield result
    if hasattr(torch, "compile"):
        yield run("compiled", fastest.get("kernel"), True)
    else:
        yield {"arm": "compiled",
               "error": f"torch {torch.__version__} cannot compile"}


def ceilings(device):
    size, count = (8192, 1 << 30) if device.cuda else (256, 1 << 20)
    dtype = torch.bfloat16 if device.cuda else torch.float32
    a, b = (torch.randn(size, size, device=device.name).to(dtype)
            for _ in range(2))
    source = torch.zeros(count, device=device.name)
    target = torch.empty_like(source)
    return {"flops_per_second":
            2 * size ** 3 / device.seconds(lambda: torch.mm(a, b)),
            "copy_bytes_per_second":
            8 * count / device.seconds(lambda: target.copy_(source))}


def measure_all(device, workloads, arguments, result):
    """Fills `result`; yields whenever there is more in it."""
    result["torch"] = torch.__version__
    result["ceilings"] = ceilings(device)
    for workload in workloads:
        if arguments.only and workload["name"] not in arguments.only:
            continue
        runs = []
        result["workloads"].append({"name": workload["name"], "runs": runs})
        for run in run_arms(device, workload, arguments):
            runs.append(run)
            rate = run.get("tokens_per_second")
            print(f"{workload['name']}, {run['arm']}:",
                  f"{rate:.0f} tokens/s" if rate else run["error"], flush=True)
            yield


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("workloads")
    parser.add_argument("json")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--only", nargs="*", help="names; default: all")
    parser.add_argument("--warmup", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1e9,
                        help="no arm is begun later")
    arguments = parser.parse_args()
    arguments.deadline = time.monotonic() + arguments.seconds

    def write(result):
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(result, file, indent=1)

    if arguments.device == "cuda" and not torch.cuda.is_available():
        reason = f"torch {torch.__version__} finds no CUDA device"
        write({"torch": None, "reason": reason})
        print(reason)
        return
    with open(arguments.workloads, encoding="utf-8") as file:
        workloads = json.load(file)["workloads"]
    result = {"workloads": []}
    for _ in measure_all(Device(arguments.device), workloads, arguments,
                         result):
        write(result)


if __name__ == "__main__":
    main()
