"""A penstock cluster on loopback for the benchmarks, and jobs on it."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PENSTOCK = ROOT / "dist" / "bin" / "penstock"


class Cluster:
    """`with Cluster(workers=2) as cluster:` starts it and ends it."""

    def __init__(self, workers):
        self.workers = workers
        self.directory = tempfile.TemporaryDirectory(prefix="penstock-bench-")
        self.path = Path(self.directory.name)
        self.jobs = 0

    def __enter__(self):
        self.run("up", "--workers", str(self.workers))
        return self

    def __exit__(self, *_):
        self.run("down")
        self.directory.cleanup()

    def run(self, *arguments):
        """A command about this cluster; its output."""
        return self.run_local(*arguments, "--state-dir",
                              str(self.path / "state"))

    def run_local(self, *arguments):
        done = subprocess.run(
            [str(PENSTOCK), *arguments],
            cwd=self.path, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"penstock {' '.join(arguments)}: "
                               f"{done.stdout}{done.stderr}")
        return done.stdout

    def train(self, spec):
        """Runs a job to its end; (metrics by step, the job)."""
        self.jobs += 1
        name = f"bench-{self.jobs}"
        path = self.path / f"{name}.json"
        path.write_text(json.dumps({"name": name, **spec}))
        self.run("job", "submit", "-f", str(path))
        peaks = {}
        while True:
            job = json.loads(self.run("job", "get", name, "-o", "json"))
            for rank in job.get("ranks", []):
                key = rank.get("rank", 0)
                peaks[key] = max(peaks.get(key, 0),
                                 int(rank.get("resident_bytes_peak", 0)))
            if job["state"] in ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED"):
                break
        if job["state"] != "JOB_STATE_SUCCEEDED":
            raise RuntimeError(f"{name}: {job['reason']}")
        metrics = [json.loads(line) for line in
                   self.run("job", "metrics", name, "-o", "jsonl").splitlines()]
        job["peak_bytes"] = [peaks[rank] for rank in sorted(peaks)]
        return metrics, job


def machine():
    model = subprocess.run(["sh", "-c", "grep -m1 'model name' /proc/cpuinfo"],
                           capture_output=True, text=True).stdout
    return f"{os.cpu_count()} x {model.split(':')[-1].strip()}"
