#!/usr/bin/env python3
"""Trains the preset `small` here and with PyTorch, in turn, in one run.

    tests/benchmark/train_benchmark.py --rival torch_pipeline.py --text kjv.txt

Needs dist/bin (deploy/build.sh), and for the rival python3-torch, python3-numpy
and libopenblas0-pthread (with the reference BLAS it is fifteen times slower). One thread per process, fp32, 8 layers, 256 wide, 8 heads, sequence 256,
256 tokens, 8 micro-batches of 4. Quotes medians over the rounds, and the ratios'.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import Cluster, machine  # noqa: E402

MODEL = {"gpt2": {"layers": 8, "hidden": 256, "heads": 8,
                  "sequence_length": 256, "vocabulary": 256,
                  "tied_embeddings": False}}
TOKENS_PER_STEP = 8 * 4 * 256
# Forward and backward of the products: 6 flops per weight and token, and the
# causal half of the attention's scores.
FLOPS_PER_TOKEN = 6 * (8 * 12 * 256 * 256 + 256 * 256) + 8 * 6 * 256 * 256
WARMUP = 2


def ours(cluster, pipeline, steps):
    metrics, job = cluster.train(f"bench-{time.monotonic_ns()}", {
        "model": MODEL,
        "data": {"tokens": "text.bin", "dtype": "uint16"},
        "batch": {"micro_batch_size": 4, "micro_batches": 8},
        "parallelism": {"pipeline": pipeline, "schedule": "1f1b"},
        "optimizer": {"adamw": {"learning_rate": 3e-4}},
        "steps": WARMUP + steps})
    timed = metrics[WARMUP:]
    return {
        "tokens_per_second": TOKENS_PER_STEP / statistics.median(
            m["step_seconds"] for m in timed),
        "bubble": statistics.median(
            m["bubble_fraction_measured"] for m in timed),
        "bubble_predicted": timed[0]["bubble_fraction_predicted"],
        "mib": [peak / 2**20 for peak in job["peak_bytes"]],
        "forecast_mib": [int(rank["memory"]["total"]) / 2**20
                         for rank in job["plan"]["ranks"]]}


def rival(script, text, pipeline, steps):
    schedule = ["--schedule", "single"] if pipeline == 1 else [
        "--schedule", "1f1b", "--stages", str(pipeline)]
    out = subprocess.run(
        ["/usr/bin/python3", script, "--preset", "small", "--threads", "1",
         "--steps", str(steps), "--warmup", str(WARMUP), "--data", text,
         *schedule], check=True, capture_output=True, text=True).stdout
    result = json.loads(out.strip().split("\n")[-1])
    return {"tokens_per_second": result["tok_s"], "mib": result["rss_mib"],
            "bubble": statistics.mean(result["bubble"])}


def median_of(rounds, key):
    return statistics.median(r[key] for r in rounds)


def report(pipeline, mine, theirs):
    ratio = statistics.median(m["tokens_per_second"] / t["tokens_per_second"]
                              for m, t in zip(mine, theirs))
    rate = median_of(mine, "tokens_per_second")
    print(f"pipeline {pipeline}")
    print(f"  tokens/s        {rate:8.0f}   PyTorch "
          f"{median_of(theirs, 'tokens_per_second'):8.0f}   "
          f"ratio {ratio:.2f}")
    print(f"  GFLOP/s a core  {rate * FLOPS_PER_TOKEN / pipeline / 1e9:8.0f}")
    print(f"  bubble          {median_of(mine, 'bubble'):8.3f}   predicted "
          f"{mine[0]['bubble_predicted']:.3f}   PyTorch "
          f"{median_of(theirs, 'bubble'):.3f}")
    for rank in range(pipeline):
        own = statistics.median(m["mib"][rank] for m in mine)
        other = statistics.median(t["mib"][rank] for t in theirs)
        print(f"  peak MiB rank {rank} {own:8.0f}   PyTorch {other:8.0f}   "
              f"ratio {own / other:.2f}   forecast "
              f"{mine[0]['forecast_mib'][rank]:.0f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rival", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--pipeline", type=int, action="append",
                        help="widths to measure; default 1 and 2")
    arguments = parser.parse_args()
    print(machine())
    with Cluster(workers=2, poll_seconds=1) as cluster:
        cluster.run_local("data", "prepare", arguments.text, "-o", "text.bin")
        for pipeline in arguments.pipeline or (1, 2):
            mine, theirs = [], []
            for _ in range(arguments.rounds):
                theirs.append(rival(arguments.rival, arguments.text, pipeline,
                                    arguments.steps))
                mine.append(ours(cluster, pipeline, arguments.steps))
            report(pipeline, mine, theirs)


if __name__ == "__main__":
    main()
