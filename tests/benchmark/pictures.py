#!/usr/bin/env python3
"""Draws what schedules do to a pipeline, from runs on this machine.

    tests/benchmark/pictures.py [--quick] [--output docs]

Runs jobs on real worker processes over real links and writes docs/schedules.md
with its drawings: utilisation and throughput over micro-batches and over ranks
(stages that sleep, so that a small machine can have many), throughput of a small
GPT-2 that computes, and memory by rank. Dashed lines are what the simulator said
before the run. Takes some ten minutes on a machine that does nothing else; needs
dist/bin (deploy/build.sh) and //tests/benchmark:chart.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
from cluster import Cluster, machine  # noqa: E402

SCHEDULES = ["naive", "gpipe", "1f1b", "zb-h1", "zb-h2"]
LAYERS = 8
LAYER_US = 2000  # Of F, of I and of W.
TEXT = "In the beginning God created the heaven and the earth. " * 20_000
MIB = 2**20


class Runs:
    """Jobs of one cluster, and what they measured."""

    def __init__(self, cluster, quick):
        self.cluster = cluster
        self.quick = quick
        self.count = 0

    def train(self, spec):
        self.count += 1
        metrics, job = self.cluster.train(f"picture-{self.count}", spec)
        timed = metrics[1:]
        seconds = statistics.median(m["step_seconds"] for m in timed)
        batches = spec["batch"]["micro_batches"]
        plan = job["plan"]
        result = {
            "utilisation": 100 * (1 - statistics.median(
                m["bubble_fraction_measured"] for m in timed)),
            "rate": batches / seconds,
            "tokens": statistics.median(
                m["tokens_per_second"] for m in timed),
            "planned_utilisation": 100 * (1 - plan["bubble_fraction"]),
            "planned_rate": batches / float(plan["step_time"].rstrip("s")),
            "resident": [peak / MIB for peak in job["peak_bytes"]],
            "forecast": [int(rank["memory"]["total"]) / MIB
                         for rank in plan["ranks"]],
            "activations": [int(rank["memory"]["activations"]) / MIB
                            for rank in plan["ranks"]]}
        print(spec["parallelism"], spec["batch"], result, flush=True)
        return result

    def sleeping(self, schedule, ranks, batches):
        return self.train({
            "model": {"sim": {"layers": LAYERS, "forward_us": LAYER_US,
                              "input_gradient_us": LAYER_US,
                              "weight_gradient_us": LAYER_US}},
            "batch": {"micro_batch_size": 1, "micro_batches": batches},
            "parallelism": {"pipeline": ranks, "schedule": schedule},
            "steps": 3 if self.quick else 6})

    def computing(self, schedule, ranks, batches, layers, checkpoints=False):
        """With `checkpoints`, so often and long that the ranks come to hold
        all that a plan forecasts."""
        return self.train({
            "model": {"gpt2": {"layers": layers, "hidden": 256, "heads": 8,
                               "sequence_length": 256, "vocabulary": 256,
                               "tied_embeddings": False}},
            "data": {"tokens": "text.bin", "dtype": "uint16"},
            "batch": {"micro_batch_size": 4, "micro_batches": batches},
            "parallelism": {"pipeline": ranks, "schedule": schedule},
            **({"steps": 10, "checkpoint": {"every_steps": 2}} if checkpoints
               else {"steps": 3 if self.quick else 5})})


def lines(results, key, planned=None):
    """`results`: {schedule: {x: result}}."""
    drawn = []
    for schedule, by_x in results.items():
        drawn.append({"name": schedule, "points": [
            [x, result[key]] for x, result in sorted(by_x.items())]})
        if planned:
            drawn.append({"name": schedule, "dashed": True, "points": [
                [x, result[planned]] for x, result in sorted(by_x.items())]})
    return drawn


def by_rank(results, key):
    return [{"name": schedule, "points": list(enumerate(result[key]))}
            for schedule, result in results.items()]


def chart(title, x_label, y_label, drawn):
    return {"title": title, "x_label": x_label, "y_label": y_label,
            "lines": drawn}


def draw(path, heading, charts):
    drawing = subprocess.run(
        [str(ROOT / "bazel-bin/tests/benchmark/chart")], check=True,
        capture_output=True, text=True,
        input=json.dumps({"heading": heading, "columns": 2,
                          "charts": charts})).stdout
    path.write_text(drawing)


def table(head, rows):
    text = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    text += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(text) + "\n"


def figures(results, key, form, planned=None):
    """A row per schedule, a column per x."""
    xs = sorted(next(iter(results.values())))
    rows = []
    for schedule, by_x in results.items():
        cells = [format(by_x[x][key], form) + (
            f" ({format(by_x[x][planned], form)})" if planned else "")
            for x in xs]
        rows.append([schedule, *cells])
    return xs, rows


PAGE = """# What a schedule does

Measured on {machine} by

```sh
deploy/build.sh && bazel build //tests/benchmark:chart
tests/benchmark/pictures.py{flags}
```

on real worker processes over real links, medians of {steps} steps. The simulator's
forecast of the same is in brackets, and dashed in the drawings.

## Utilisation and throughput

A model of {layers} layers that sleep {layer_ms:g} ms each for F, I and W of a micro-batch, so
that two cores can have {ranks_max} ranks. Utilisation is the busy share of all ranks' time in a step.
Every step ends with a barrier, the global gradient norm, which costs zb-h2 what its
longer warm-up won elsewhere: its gain is in the span of each rank, see
`penstock schedule simulate`.

![Utilisation and throughput](schedules_throughput.svg)

Utilisation in %, {ranks} ranks, over micro-batches:

{over_batches}
Utilisation in %, {batches} micro-batches, over ranks:

{over_ranks}
Micro-batches per second, {ranks} ranks, over micro-batches:

{rate_over_batches}
Micro-batches per second, {batches} micro-batches, over ranks:

{rate_over_ranks}
## A model that computes

GPT-2 of 8 layers, 256 wide, sequence 256, micro-batches of 4, two ranks:

![GPT-2](schedules_gpt2.svg)

Tokens per second over micro-batches:

{tokens}
## Memory

GPT-2 of 8 layers on {memory_ranks} ranks, {memory_batches} micro-batches. Activations are what the plan
reserves for them, at the schedule's peak; the resident set is measured.

![Memory](schedules_memory.svg)

Activations in MiB, by rank:

{activations}
Peak resident set in MiB, by rank, and its forecast:

{resident}"""


def page(arguments, parts):
    over_batches, over_ranks, gpt2, memory = (
        parts["batches"], parts["ranks"], parts["gpt2"], parts["memory"])

    def tabled(results, key, form, planned=None):
        xs, rows = figures(results, key, form, planned)
        return table(["", *map(str, xs)], rows)

    ranks = len(next(iter(memory.values()))["activations"])
    head = ["", *(f"rank {rank}" for rank in range(ranks))]
    return PAGE.format(
        machine=machine(), flags=" --quick" if arguments.quick else "",
        steps=2 if arguments.quick else 5,
        layers=LAYERS, layer_ms=LAYER_US / 1000, ranks=arguments.ranks[-2],
        ranks_max=arguments.ranks[-1], batches=arguments.batches[-2],
        over_batches=tabled(over_batches, "utilisation", ".1f",
                            "planned_utilisation"),
        over_ranks=tabled(over_ranks, "utilisation", ".1f",
                          "planned_utilisation"),
        rate_over_batches=tabled(over_batches, "rate", ".1f", "planned_rate"),
        rate_over_ranks=tabled(over_ranks, "rate", ".1f", "planned_rate"),
        tokens=tabled(gpt2, "tokens", ".0f"),
        memory_ranks=ranks, memory_batches=arguments.batches[-2],
        activations=table(head, [
            [name, *(f"{value:.1f}" for value in result["activations"])]
            for name, result in memory.items()]),
        resident=table(head, [
            [name, *(f"{value:.0f} ({forecast:.0f})" for value, forecast
                     in zip(result["resident"], result["forecast"]))]
            for name, result in memory.items()]))


def measure(arguments):
    ranks, batches = arguments.ranks[-2], arguments.batches[-2]
    with Cluster(workers=arguments.ranks[-1], poll_seconds=0.5) as cluster:
        runs = Runs(cluster, arguments.quick)
        over_batches = {s: {m: runs.sleeping(s, ranks, m)
                            for m in arguments.batches} for s in arguments.schedule}
        over_ranks = {s: {p: runs.sleeping(s, p, batches)
                          for p in arguments.ranks} for s in arguments.schedule}
    with Cluster(workers=4, poll_seconds=0.5) as cluster:
        runs = Runs(cluster, arguments.quick)
        (cluster.path / "text.txt").write_text(TEXT)
        cluster.run_local("data", "prepare", "text.txt", "-o", "text.bin")
        gpt2 = {s: {m: runs.computing(s, 2, m, 8)
                    for m in arguments.batches[1:-1]} for s in arguments.schedule}
        memory = {s: runs.computing(s, 4, batches, 8, True) for s in arguments.schedule}
    return {"batches": over_batches, "ranks": over_ranks, "gpt2": gpt2,
            "memory": memory}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true",
                        help="fewer and shorter runs, to try the script")
    parser.add_argument("--schedule", action="append",
                        help="instead of " + ", ".join(SCHEDULES))
    parser.add_argument("--output", default=str(ROOT / "docs"))
    arguments = parser.parse_args()
    arguments.ranks = [2, 4] if arguments.quick else [1, 2, 4, 8]
    arguments.batches = [1, 2, 4] if arguments.quick else [1, 2, 4, 8, 16, 32]
    arguments.schedule = arguments.schedule or SCHEDULES
    output = Path(arguments.output)
    parts = measure(arguments)
    draw(output / "schedules_throughput.svg",
         "Layers that sleep, on real workers (dashed: simulated)", [
             chart("Utilisation over micro-batches", "micro-batches", "%",
                   lines(parts["batches"], "utilisation",
                         "planned_utilisation")),
             chart("Throughput over micro-batches", "micro-batches",
                   "micro-batches/s",
                   lines(parts["batches"], "rate", "planned_rate")),
             chart("Utilisation over ranks", "ranks", "%",
                   lines(parts["ranks"], "utilisation",
                         "planned_utilisation")),
             chart("Throughput over ranks", "ranks", "micro-batches/s",
                   lines(parts["ranks"], "rate", "planned_rate"))])
    draw(output / "schedules_gpt2.svg", "GPT-2 on two ranks", [
        chart("Throughput", "micro-batches", "tokens/s",
              lines(parts["gpt2"], "tokens")),
        chart("Utilisation (dashed: simulated)", "micro-batches", "%",
              lines(parts["gpt2"], "utilisation", "planned_utilisation"))])
    draw(output / "schedules_memory.svg", "Memory of GPT-2 by rank", [
        chart("Activations", "rank", "MiB",
              by_rank(parts["memory"], "activations")),
        chart("Peak resident set", "rank", "MiB",
              by_rank(parts["memory"], "resident"))])
    (output / "schedules.md").write_text(page(arguments, parts))


if __name__ == "__main__":
    main()
