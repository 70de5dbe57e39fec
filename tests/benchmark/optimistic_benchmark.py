#!/usr/bin/env python3
"""What waiting for the global norm costs, through real processes and links.

    tests/benchmark/optimistic_benchmark.py [--schedule zb-h2] [--rounds 3]

8 stages that sleep F/I/W of 10/10/10 ms, 32 micro-batches; synchronized and
optimistic updates in turn. Beside the measured step stands the simulated one:
the makespan where updates wait, the longest rank's span where they do not.
Needs dist/bin (deploy/build.sh).
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import Cluster, machine  # noqa: E402

STAGES = 8
MICRO_BATCHES = 32
UPDATES = ("synchronized", "optimistic")


def run(cluster, schedule, update, steps):
    """Median seconds of a step, measured and simulated."""
    metrics, job = cluster.train(f"bench-{time.monotonic_ns()}", {
        "model": {"sim": {"layers": STAGES, "forward_us": 10000,
                          "input_gradient_us": 10000,
                          "weight_gradient_us": 10000}},
        "batch": {"micro_batch_size": 1, "micro_batches": MICRO_BATCHES},
        "parallelism": {"pipeline": STAGES, "schedule": schedule,
                        "optimizer_step": update},
        "steps": steps})
    measured = statistics.median(m["step_seconds"] for m in metrics[1:-1])
    return measured, float(job["plan"]["step_time"].rstrip("s"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedule", action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    arguments = parser.parse_args()
    print(machine())
    with Cluster(workers=STAGES, poll_seconds=1) as cluster:
        for schedule in arguments.schedule or ["zb-h2", "1f1b"]:
            measured = {update: [] for update in UPDATES}
            simulated = {}
            for _ in range(arguments.rounds):
                for update in UPDATES:
                    seconds, simulated[update] = run(
                        cluster, schedule, update, arguments.steps)
                    measured[update].append(seconds)
            for update, name in zip(UPDATES, ("makespan", "span")):
                seconds = statistics.median(measured[update])
                print(f"{schedule:8} {update:12} step {seconds * 1e3:7.1f} ms  "
                      f"{name:8} {simulated[update] * 1e3:7.1f} ms  difference "
                      f"{(seconds / simulated[update] - 1) * 100:+.1f} %  "
                      f"{1 / seconds:.3f} steps/s")
            pairs = zip(*(measured[update] for update in UPDATES))
            ratio = statistics.median(a / b for a, b in pairs)
            predicted = simulated["synchronized"] / simulated["optimistic"]
            print(f"{schedule:8} optimistic is {ratio:.3f} times as fast, "
                  f"predicted {predicted:.3f}")


if __name__ == "__main__":
    main()
