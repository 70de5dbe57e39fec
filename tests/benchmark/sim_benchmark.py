#!/usr/bin/env python3
"""Eight stages that sleep their times, through real processes and links.

    tests/benchmark/sim_benchmark.py [--schedule 1f1b]

8 stages, 32 micro-batches, F/I/W of 10/10/10 ms: the step as measured beside the
step as simulated. Needs dist/bin (deploy/build.sh).
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import Cluster, machine  # noqa: E402

STAGES = 8


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedule", action="append")
    parser.add_argument("--steps", type=int, default=6)
    arguments = parser.parse_args()
    print(machine())
    with Cluster(workers=STAGES, poll_seconds=1) as cluster:
        for schedule in arguments.schedule or ["1f1b", "gpipe"]:
            metrics, job = cluster.train(f"bench-{time.monotonic_ns()}", {
                "model": {"sim": {"layers": STAGES, "forward_us": 10000,
                                  "input_gradient_us": 10000,
                                  "weight_gradient_us": 10000}},
                "batch": {"micro_batch_size": 1, "micro_batches": 32},
                "parallelism": {"pipeline": STAGES, "schedule": schedule},
                "steps": arguments.steps})
            measured = statistics.median(
                m["step_seconds"] for m in metrics[1:])
            simulated = float(job["plan"]["step_time"].rstrip("s"))
            bubble = statistics.median(
                m["bubble_fraction_measured"] for m in metrics[1:])
            print(f"{schedule:8} step {measured * 1e3:.1f} ms   simulated "
                  f"{simulated * 1e3:.1f} ms   difference "
                  f"{(measured / simulated - 1) * 100:+.1f} %   bubble "
                  f"{bubble:.3f}   predicted {job['plan']['bubble_fraction']:.3f}")


if __name__ == "__main__":
    main()
