#!/usr/bin/env python3
"""Clusters of the real programs on one device, for tests/gpu/run.sh:

    tests/gpu/cluster_check.py --devices cpu|cuda CHECK

With cuda all executors share device 0 and NCCL takes each for a host of its own
(`penstock up --cuda 0`); with cpu everything else is the same. Each check is
one of those below, by its name; the last line sums up.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from cluster import (PROGRAMS, Cluster, CommandError,  # noqa: E402
                     environment)

TEXT = "Every valley shall be exalted, and every mountain and hill made low. "
# What a device may hold more after a cluster than before, in MiB: whoever else
# uses it, the driver's own.
LEAK_MAX_MIB = 64


class Failed(Exception):
    """A check that does not hold."""


def expect(holds, what):
    print(("  " if holds else "! ") + what, flush=True)
    if not holds:
        raise Failed(what)


def job(devices, pipeline, data=1, link="auto", steps=12, **overrides):
    return {
        "model": {"gpt2": {"layers": 6, "hidden": 64, "heads": 4,
                           "sequence_length": 64, "vocabulary": 256}},
        "data": {"tokens": "text.bin"},
        "batch": {"micro_batch_size": 2, "micro_batches": 4 // data},
        "parallelism": {"pipeline": pipeline, "data": data,
                        "schedule": "1f1b", "link": link},
        "device": devices, "steps": steps, **overrides}


def start(devices, executors):
    """A cluster of so many executors, with text to train on."""
    return Cluster(workers=executors,
                   up=("--cuda", "0") if devices == "cuda" else ())


def prepare(cluster):
    (cluster.path / "text.txt").write_text(TEXT * 200)
    cluster.run_local("data", "prepare", "text.txt", "-o", "text.bin")


def train(cluster, name, spec):
    """The hash of the final weights, and a step's median seconds."""
    metrics, ended = cluster.train(name, spec)
    seconds = sorted(m["step_seconds"] for m in metrics)
    return (cluster.run_local("checkpoint", "hash",
                              ended["checkpoint"]).strip(),
            seconds[len(seconds) // 2])


def links_of(devices):
    return ("grpc", "nccl") if devices == "cuda" else ("grpc",)


def check_hashes(devices, executors):
    """The weights of one process, of `executors` and of replicas of two, over
    each link."""
    with start(devices, executors) as cluster:
        prepare(cluster)
        whole, seconds = train(cluster, "one", job(devices, 1))
        print(f"  1 executor: {whole}, {1e3 * seconds:.1f} ms a step")
        for link in links_of(devices):
            hashed, seconds = train(
                cluster, f"all-{link}", job(devices, executors, link=link))
            expect(hashed == whole, f"{executors} executors over {link}: "
                   f"{hashed}, {1e3 * seconds:.1f} ms a step")
        if executors < 4:
            return f"{executors} executors as one over {links_of(devices)}"
        replicas = {train(cluster, f"replicas-{link}",
                          job(devices, 2, data=2, link=link))[0]
                    for link in links_of(devices)}
        expect(len(replicas) == 1, f"2 x 2 executors: {', '.join(replicas)}")
    return (f"{executors} executors as one over {links_of(devices)}, 2 x 2 "
            "alike")


def children(pid):
    return [int(child) for child in subprocess.run(
        ["pgrep", "-P", str(pid)], capture_output=True,
        text=True).stdout.split()]


def check_kill(devices):
    """kill -9 of an executor in the middle of a job."""
    spec = job(devices, 2, steps=400, checkpoint={"every_steps": 20})
    with start(devices, 3) as cluster:
        prepare(cluster)
        cluster.submit("victim", spec)
        cluster.wait("victim", lambda j: int(j.get("step", 0)) >= 30)
        executors = [child for name, pid in sorted(cluster.pids().items())
                     if name.startswith("worker") for child in children(pid)]
        expect(len(executors) >= 2, f"{len(executors)} executors run")
        os.kill(executors[0], signal.SIGKILL)
        begin = time.monotonic()
        cluster.wait("victim", lambda j: int(j.get("recoveries", 0)) >= 1
                     and j["state"] == "JOB_STATE_RUNNING")
        recovered = time.monotonic() - begin
        ended = cluster.wait_for_end("victim")
        expect(ended["state"] == "JOB_STATE_SUCCEEDED",
               f"the job has {ended['state']} {ended.get('reason', '')}")
        hashed = cluster.run_local("checkpoint", "hash",
                                   ended["checkpoint"]).strip()
        whole, _ = train(cluster, "whole", spec)
        expect(hashed == whole, f"weights {hashed}, undisturbed {whole}")
    return f"running again {recovered:.1f} s after kill -9, equal weights"


def refusal(call):
    """The message of a command that must fail."""
    try:
        call()
    except CommandError as error:
        # A coordinator that was just started adds that workers may yet come.
        return error.stderr.strip().rpartition("so far: ")[2]
    raise Failed("nothing was refused")


def check_too_large(devices):
    """A model that no device holds is refused before anything starts."""
    with start(devices, 2) as cluster:
        prepare(cluster)
        spec = job(devices, 2)
        spec["model"] = {"gpt2": {"layers": 400, "hidden": 16384, "heads": 128,
                                  "sequence_length": 64, "vocabulary": 256}}
        said = refusal(lambda: cluster.submit("giant", spec))
        expect("would need" in said and "its device has" in said, said)
        train(cluster, "after", job(devices, 2, steps=2))
    return "refused: " + said[:90]


def run_worker(devices, *arguments, **variables):
    """What a worker prints that ends within ten seconds."""
    begin = time.monotonic()
    with Cluster(workers=1) as cluster:
        address = (cluster.state / "coordinator" / "address").read_text()
        done = subprocess.run(
            [str(PROGRAMS / "penstock-worker"), "--coordinator",
             address.strip(), "--state-dir", str(cluster.path / "alone"),
             "--name", "alone", *arguments],
            env={**(environment() or os.environ), **variables},
            capture_output=True, text=True, timeout=30)
    took = time.monotonic() - begin
    return done.returncode, (done.stdout + done.stderr).strip(), took


def check_no_device(devices):
    """A worker that is to offer a device that is not there says why it ends."""
    code, said, _ = run_worker(devices, "--cuda", "0",
                               CUDA_VISIBLE_DEVICES="")
    last = said.splitlines()[-1] if said else ""
    expect(code != 0, f"exit code {code}")
    expect("cuda" in last.lower(), last)
    return last[:100]


def check_no_nccl(devices):
    """Without NCCL tensors go by gRPC, and who insists is told."""
    if devices == "cpu":
        with start(devices, 2) as cluster:
            prepare(cluster)
            said = refusal(lambda: cluster.submit(
                "insists", job(devices, 2, link="nccl")))
        expect("nccl" in said.lower(), said)
        return "refused: " + said[:90]
    return check_no_nccl_on_cuda()


def check_no_nccl_on_cuda():
    directory = Path(os.environ["OUT"]) / "no_nccl"
    directory.mkdir(exist_ok=True)
    (directory / "libnccl.so.2").write_text("no library")
    path = os.environ.get("PENSTOCK_LIBRARY_PATH",
                          os.environ.get("LD_LIBRARY_PATH", ""))
    os.environ["PENSTOCK_LIBRARY_PATH"] = f"{directory}:{path}"
    with start("cuda", 2) as cluster:
        prepare(cluster)
        whole, _ = train(cluster, "one", job("cuda", 1))
        hashed, _ = train(cluster, "auto", job("cuda", 2))
        expect(hashed == whole, f"by gRPC: {hashed}")
        said = refusal(lambda: cluster.submit(
            "insists", job("cuda", 2, link="nccl")))
        expect("nccl" in said.lower(), said)
    return "by gRPC with equal weights; refused: " + said[:60]


def check_no_memory(devices):
    """Another process has the device's memory: whoever comes is told so, and
    can go on once it is free."""
    def model_check():
        done = subprocess.run(
            [str(PROGRAMS / "model_check"), "--device", devices, "--tiny"],
            env=environment(), capture_output=True, text=True, timeout=60)
        return done.returncode, (done.stdout + done.stderr).strip()

    hog = subprocess.Popen([str(PROGRAMS / "device_hog")], env=environment(),
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           text=True)
    try:
        took = hog.stdout.readline().strip()
        expect(took.startswith("took"), took)
        code, said = model_check()
    finally:
        hog.stdin.close()
        hog.wait(30)
    expect(code != 0 and "RESOURCE_EXHAUSTED" in said, said)
    code, after = model_check()
    expect(code == 0, "afterwards: " + after.splitlines()[-1])
    return said.splitlines()[-1][:120]


def device_mebibytes():
    """In use on device 0; 0 without one."""
    try:
        done = subprocess.run(
            ["nvidia-smi", "-i", "0", "--query-gpu=memory.used",
             "--format=csv,noheader,nounits"], capture_output=True, text=True)
        return int(done.stdout)
    except (OSError, ValueError):
        return 0


def processes():
    """Of the programs that are checked: {pid: command}."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "exe").resolve().parent == PROGRAMS:
                found[int(path.name)] = (path / "cmdline").read_text()
        except OSError:
            pass
    return found


def without_leaks(check):
    """Runs a check, and sees that it leaves no process and no device memory."""
    before, mebibytes = set(processes()), device_mebibytes()
    said = check()
    deadline = time.monotonic() + 10  # The driver frees behind an exit.
    while True:
        left = set(processes()) - before
        leaked = device_mebibytes() - mebibytes
        if not left and leaked <= LEAK_MAX_MIB:
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.2)
    expect(not left, f"{len(left)} processes are left")
    expect(leaked <= LEAK_MAX_MIB, f"{leaked} MiB more of the device in use")
    return said


CHECKS = {
    "two": lambda devices: check_hashes(devices, 2),
    "four": lambda devices: check_hashes(devices, 4),
    "kill": check_kill,
    "too_large": check_too_large,
    "no_device": check_no_device,
    "no_nccl": check_no_nccl,
    "no_memory": check_no_memory,
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--devices", choices=("cpu", "cuda"), required=True)
    parser.add_argument("check", choices=CHECKS)
    arguments = parser.parse_args()
    try:
        said = without_leaks(
            lambda: CHECKS[arguments.check](arguments.devices))
    except (Failed, CommandError, RuntimeError, OSError,
            subprocess.TimeoutExpired) as error:
        print(str(error).replace("\n", " "))
        return 1
    print(said)
    return 0


if __name__ == "__main__":
    sys.exit(main())
