#!/usr/bin/env python3
"""Puts what throughput and torch_throughput.py have printed into one table:

    tests/gpu/speed_table.py ours.json [torch.json] [--hold]

With --hold it fails where a speed or a size is not what it must be: so many
tokens a second on an H200, never below PyTorch compiled in the same run, two
stages within 3 % of one, memory within 2 % of the plan's forecast. The last line
sums up.
"""

import argparse
import json
import sys

STAGES_LOSS_MAX = 0.03
FORECAST_ERROR_MAX = 0.02


def runs_by_name(result):
    return {w["name"]: w["runs"] for w in (result or {}).get("workloads", [])}


def row(name, run):
    if "error" in run:
        return f"{name:34} {run['error'].splitlines()[0][:90]}"
    text = f"{name:34} {run['tokens_per_second']:11.0f}"
    if "mfu_causal" in run:
        text += (f" {100 * run['mfu_causal']:8.1f} {100 * run['mfu_full']:8.1f}"
                 f" {100 * run['share_of_ceiling']:8.1f}")
    else:
        text += " " * 27
    peak = run.get("used_bytes", run.get("peak_bytes", 0))
    text += f" {peak / 2**30:9.2f}"
    if "forecast_bytes" in run:
        error = run["arena_bytes"] / run["forecast_bytes"] - 1
        text += f" {run['forecast_bytes'] / 2**30:9.2f} {100 * error:+8.2f}"
    return text


def speed(runs, **which):
    """The fastest run with these fields; None when there is none."""
    rates = [r["tokens_per_second"] for r in runs
             if "error" not in r
             and all(r.get(key) == value for key, value in which.items())]
    return max(rates, default=None)


def broken_claims(workload, theirs, device):
    """What one workload of ours does not hold, as text."""
    name, ours = workload["name"], workload["runs"]
    for run in ours:
        if "error" in run:
            yield f"{name}: {run['error'].splitlines()[0]}"
        elif abs(run["arena_bytes"] / run["forecast_bytes"]
                 - 1) > FORECAST_ERROR_MAX:
            yield f"{name}: memory is not what the plan forecast"
    one, two = speed(ours, stages=1), speed(ours, stages=2)
    compiled = speed(theirs, arm="compiled")
    if one and two and two < one * (1 - STAGES_LOSS_MAX):
        yield f"{name}: two stages lose {100 * (1 - two / one):.1f} %"
    if one and compiled and one < compiled:
        yield f"{name}: {one / compiled:.2f} of PyTorch compiled"
    must = workload["h200_tokens_per_second"] if "H200" in device else None
    if one and must and one < must:
        yield f"{name}: {one:.0f} tokens/s, not {must:.0f}"


def summary(ours, theirs):
    parts = []
    for name, runs in runs_by_name(ours).items():
        one = speed(runs, stages=1)
        if one is None:
            continue
        part = f"{name} {one:.0f}/s"
        compiled = speed(runs_by_name(theirs).get(name, []), arm="compiled")
        if compiled:
            part += f" = {one / compiled:.2f} of compiled"
        parts.append(part)
    return ", ".join(parts) or "nothing was measured"


def print_table(ours, theirs):
    for who, result in (("penstock", ours), ("PyTorch", theirs or {})):
        if "ceilings" in result:
            print(f"ceilings by {who}: product "
                  f"{result['ceilings']['flops_per_second'] / 1e12:.3g} "
                  f"TFLOP/s, copy "
                  f"{result['ceilings']['copy_bytes_per_second'] / 1e12:.3g} "
                  "TB/s")
    if theirs and theirs.get("reason"):
        print(f"PyTorch: {theirs['reason']}")
    print(f"{'':34} {'tokens/s':>11} {'MFU %':>8} {'full %':>8} "
          f"{'ceil. %':>8} {'peak GiB':>9} {'forecast':>9} {'off %':>8}")
    others = runs_by_name(theirs)
    for name, runs in runs_by_name(ours).items():
        for run in runs:
            print(row(f"{name}, stages: {run['stages']}", run))
        one, two = speed(runs, stages=1), speed(runs, stages=2)
        if one and two:
            print(f"{'':6}two stages lose {100 * (1 - two / one):.1f} %")
        for run in others.get(name, []):
            print(row(f"{'':6}PyTorch {run['arm']}", run))


def load(path):
    """Nothing where nothing was measured."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ours")
    parser.add_argument("theirs", nargs="?")
    parser.add_argument("--hold", action="store_true")
    parser.add_argument("--device", default="", help="its name, for --hold")
    arguments = parser.parse_args()
    ours = load(arguments.ours)
    theirs = load(arguments.theirs) if arguments.theirs else None
    print_table(ours, theirs)
    broken = []
    if arguments.hold:
        if not ours.get("workloads"):
            broken.append("nothing was measured")
        others = runs_by_name(theirs)
        for workload in ours.get("workloads", []):
            broken += broken_claims(workload, others.get(workload["name"], []),
                                    arguments.device)
    for claim in broken:
        print(f"! {claim}")
    print("; ".join(broken) if broken else summary(ours, theirs))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
