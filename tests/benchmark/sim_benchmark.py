#!/usr/bin/env python3
"""Eight ranks that sleep their times, through real processes and links.

    tests/benchmark/sim_benchmark.py [--schedule zbv ...] [--microbatches 32]

Each synchronous schedule on 8 ranks: the step as measured beside the step as
simulated, as a table. All that a rank has sleeps --rank-ms for each of F, I and
W, however many layers that is, so that a rank computes as much under every
schedule. Exit code 1 when one differs by more than 3 %: on a busy machine, whose
processors wake late, take longer times. Needs dist/bin (deploy/build.sh).
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import Cluster, machine  # noqa: E402

RANKS = 8
DIFFERENCE_MAX = 0.03


def slices(schedule):
    """Of the model per rank. A bidirectional schedule's rank has two stages, each
    for half of the micro-batches; where any number is legal it has two."""
    if schedule["placement"] == "bidirectional":
        return 1
    return schedule["stages_per_rank"] or 2


def job(schedule, arguments):
    each = 1000 * arguments.rank_ms // slices(schedule)
    parallelism = {"pipeline": RANKS, "schedule": schedule["name"]}
    if arguments.recompute:
        parallelism["recompute"] = arguments.recompute
    # One at a time takes as long as all ranks together.
    naive = schedule["name"] == "naive"
    return {
        "model": {"sim": {"layers": RANKS * slices(schedule),
                          "forward_us": each, "input_gradient_us": each,
                          "weight_gradient_us": each}},
        "batch": {"micro_batch_size": 1,
                  "micro_batches": 4 if naive else arguments.microbatches},
        "parallelism": parallelism,
        "steps": arguments.steps}


def measure(cluster, schedule, arguments):
    """(measured, simulated, bubble measured, bubble predicted) of a step."""
    metrics, done = cluster.train(f"bench-{time.monotonic_ns()}",
                                  job(schedule, arguments))
    plan = done["plan"]
    return (statistics.median(m["step_seconds"] for m in metrics[1:]),
            float(plan["step_time"].rstrip("s")),
            statistics.median(
                m["bubble_fraction_measured"] for m in metrics[1:]),
            plan["bubble_fraction"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schedule", action="append")
    parser.add_argument("--microbatches", type=int, default=16)
    parser.add_argument("--rank-ms", type=int, default=120)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--recompute", choices=["never", "always",
                                                "except_last"])
    arguments = parser.parse_args()
    print(f"{machine()}, {RANKS} ranks, {arguments.microbatches} micro-batches")
    print(f"{'schedule':17} {'step ms':>8} {'simulated':>9} {'difference':>10} "
          f"{'bubble':>6} {'predicted':>9}", flush=True)
    far = []
    with Cluster(workers=RANKS, poll_seconds=2) as cluster:
        for schedule in json.loads(
                cluster.run_local("schedule", "list", "-o", "json")):
            name = schedule["name"]
            if not schedule["synchronous"]:
                continue
            if arguments.schedule and name not in arguments.schedule:
                continue
            measured, simulated, bubble, predicted = measure(
                cluster, schedule, arguments)
            difference = measured / simulated - 1
            if abs(difference) > DIFFERENCE_MAX:
                far.append(name)
            print(f"{name:17} {measured * 1e3:8.1f} {simulated * 1e3:9.1f} "
                  f"{difference * 100:+9.2f} % {bubble:6.3f} {predicted:9.3f}",
                  flush=True)
    if far:
        print(f"more than {DIFFERENCE_MAX:.0%} off: {', '.join(far)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
