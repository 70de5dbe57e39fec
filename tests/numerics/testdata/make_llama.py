#!/usr/bin/python3
"""Writes the models llama_tied and llama_untied and what PyTorch makes of them.

    tests/numerics/testdata/make_llama.py

Needs python3-torch; the test that reads the results does not. The model is
written from the definition in Hugging Face's modeling_llama.py, but all of it
in float64, where that one computes norms, rotations and softmax in float32.
"""

import json
import math
import struct
from pathlib import Path

import torch

STEPS = 10
MICRO_BATCH_SIZE = 2
MICRO_BATCHES = 2
LEARNING_RATE, BETA1, BETA2, EPSILON, DECAY, CLIP = 1e-3, 0.9, 0.95, 1e-8, 0.1, 1

MODELS = {
    "llama_tied": {
        "num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 40,
        "max_position_embeddings": 24, "vocab_size": 96, "rope_theta": 500.0,
        "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64},
    },
    # Heads that together are narrower than the hidden size.
    "llama_untied": {
        "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 6,
        "num_key_value_heads": 2, "head_dim": 4, "intermediate_size": 48,
        "max_position_embeddings": 16, "vocab_size": 80, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": False,
        "rope_scaling": None,
    },
}


def shapes(config):
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    q_width = config["num_attention_heads"] * config["head_dim"]
    kv_width = config["num_key_value_heads"] * config["head_dim"]
    table = [config["vocab_size"], hidden]
    result = {"model.embed_tokens.weight": table}
    for i in range(config["num_hidden_layers"]):
        for name, shape in {
                "self_attn.q_proj": [q_width, hidden],
                "self_attn.k_proj": [kv_width, hidden],
                "self_attn.v_proj": [kv_width, hidden],
                "self_attn.o_proj": [hidden, q_width],
                "mlp.gate_proj": [inner, hidden],
                "mlp.up_proj": [inner, hidden],
                "mlp.down_proj": [hidden, inner],
                "input_layernorm": [hidden],
                "post_attention_layernorm": [hidden]}.items():
            result[f"model.layers.{i}.{name}.weight"] = shape
    result["model.norm.weight"] = [hidden]
    if not config["tie_word_embeddings"]:
        result["lm_head.weight"] = table
    return result


def inverse_frequencies(config):
    dim = config["head_dim"]
    plain = config["rope_theta"]**(
        -torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    scaling = config["rope_scaling"]
    if scaling is None:
        return plain
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    length = scaling["original_max_position_embeddings"]
    wavelength = 2 * math.pi / plain
    smooth = (length / wavelength - low) / (high - low)
    between = (1 - smooth) * plain / scaling["factor"] + smooth * plain
    scaled = torch.where(wavelength > length / low, plain / scaling["factor"],
                         plain)
    medium = (wavelength >= length / high) & (wavelength <= length / low)
    return torch.where(medium, between, scaled)


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def rms_norm(config, x, gain):
    variance = x.pow(2).mean(-1, keepdim=True)
    return x * torch.rsqrt(variance + config["rms_norm_eps"]) * gain


def attention(config, weights, prefix, x):
    batch, length, _ = x.shape
    heads, kv_heads = (config["num_attention_heads"],
                       config["num_key_value_heads"])
    dim = config["head_dim"]

    def project(name, count):
        y = x @ weights[f"{prefix}.{name}.weight"].T
        return y.view(batch, length, count, dim).transpose(1, 2)

    q, k, v = (project("q_proj", heads), project("k_proj", kv_heads),
               project("v_proj", kv_heads))
    angles = torch.outer(torch.arange(length, dtype=torch.float64),
                         inverse_frequencies(config))
    angles = torch.cat((angles, angles), dim=-1)
    cos, sin = angles.cos(), angles.sin()
    q = q * cos + rotate_half(q) * sin
    k = k * cos + rotate_half(k) * sin
    k = k.repeat_interleave(heads // kv_heads, dim=1)
    v = v.repeat_interleave(heads // kv_heads, dim=1)
    scores = q @ k.transpose(-1, -2) / math.sqrt(dim)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)
    weight = scores.masked_fill(future, -math.inf).softmax(-1)
    joined = (weight @ v).transpose(1, 2).reshape(batch, length, heads * dim)
    return joined @ weights[f"{prefix}.o_proj.weight"].T


def loss_sum(config, weights, tokens, labels):
    x = weights["model.embed_tokens.weight"][tokens]
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        norm = rms_norm(config, x, weights[f"{layer}.input_layernorm.weight"])
        x = x + attention(config, weights, f"{layer}.self_attn", norm)
        norm = rms_norm(config, x,
                        weights[f"{layer}.post_attention_layernorm.weight"])
        gate = norm @ weights[f"{layer}.mlp.gate_proj.weight"].T
        up = norm @ weights[f"{layer}.mlp.up_proj.weight"].T
        inner = torch.nn.functional.silu(gate) * up
        x = x + inner @ weights[f"{layer}.mlp.down_proj.weight"].T
    norm = rms_norm(config, x, weights["model.norm.weight"])
    head = weights.get("lm_head.weight", weights["model.embed_tokens.weight"])
    logits = norm @ head.T
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), reduction="sum")


def train(config, weights, tokens):
    """AdamW by Loshchilov & Hutter 2019, algorithm 2."""
    length = config["max_position_embeddings"]
    samples = MICRO_BATCH_SIZE * MICRO_BATCHES
    moments = {name: (torch.zeros_like(w), torch.zeros_like(w))
               for name, w in weights.items()}
    result = {"loss": [], "grad_norm": []}
    for step in range(STEPS):
        begin = step * samples * length
        part = tokens[begin:begin + samples * length + 1]
        loss = loss_sum(config, weights, part[:-1].view(samples, length),
                        part[1:].view(samples, length)) / (samples * length)
        gradients = dict(zip(weights, torch.autograd.grad(
            loss, list(weights.values()))))
        norm = math.sqrt(sum(float(g.pow(2).sum())
                             for g in gradients.values()))
        result["loss"].append(float(loss))
        result["grad_norm"].append(norm)
        if step == 0:
            result["grad_norm_of_each_tensor_at_step_0"] = {
                name: float(g.norm()) for name, g in gradients.items()}
        with torch.no_grad():
            # As torch.nn.utils.clip_grad_norm_.
            clip = min(1, CLIP / (norm + 1e-6))
            for name, weight in weights.items():
                g = gradients[name] * clip
                m, v = moments[name]
                m.mul_(BETA1).add_(g, alpha=1 - BETA1)
                v.mul_(BETA2).add_(g * g, alpha=1 - BETA2)
                if weight.dim() >= 2:
                    weight.mul_(1 - LEARNING_RATE * DECAY)
                rate = LEARNING_RATE / (1 - BETA1**(step + 1))
                root = (v / (1 - BETA2**(step + 1))).sqrt()
                weight.sub_(rate * m / (root + EPSILON))
    result["weight_norm_of_each_tensor_at_end"] = {
        name: float(w.norm()) for name, w in weights.items()}
    return result


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        end = offset + tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                        "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(t.numpy().tobytes() for t in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    for name, config in MODELS.items():
        directory = Path(__file__).parent / name
        directory.mkdir(exist_ok=True)
        initial = {}
        for tensor, shape in shapes(config).items():
            drawn = torch.randn(shape, dtype=torch.float32)
            initial[tensor] = (0.25 * drawn if len(shape) > 1
                               else 1 + 0.1 * drawn)
        count = (STEPS * MICRO_BATCH_SIZE * MICRO_BATCHES *
                 config["max_position_embeddings"] + 1)
        tokens = torch.randint(0, config["vocab_size"], [count])
        write_safetensors(directory / "model.safetensors", initial)
        (directory / "tokens.bin").write_bytes(
            struct.pack(f"<{count}H", *tokens.tolist()))
        full = {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
                "hidden_act": "silu", "attention_bias": False,
                "mlp_bias": False, **config}
        (directory / "config.json").write_text(json.dumps(full, indent=1))
        weights = {key: value.double().requires_grad_()
                   for key, value in initial.items()}
        expected = {"steps": STEPS, "micro_batch_size": MICRO_BATCH_SIZE,
                    "micro_batches": MICRO_BATCHES,
                    **train(config, weights, tokens)}
        (directory / "expected.json").write_text(json.dumps(expected, indent=1))


if __name__ == "__main__":
    main()
