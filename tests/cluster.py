"""A penstock cluster on loopback, for the end-to-end tests and the benchmarks."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path



def find_programs():
    """Where the three programs lie side by side: $PENSTOCK_PROGRAMS or dist/bin;
    a bazel test has them in its own tree, each in its package, the worker where
    $PENSTOCK_WORKER says."""
    if "PENSTOCK_PROGRAMS" in os.environ:
        return Path(os.environ["PENSTOCK_PROGRAMS"]).resolve()
    if "TEST_SRCDIR" not in os.environ:
        return Path(__file__).resolve().parents[1] / "dist" / "bin"
    workspace = Path(os.environ["TEST_SRCDIR"], os.environ["TEST_WORKSPACE"])
    programs = Path(os.environ["TEST_TMPDIR"]) / "bin"
    programs.mkdir(exist_ok=True)
    worker = os.environ.get("PENSTOCK_WORKER", "worker/penstock-worker")
    for name, path in (
            ("penstock-coordinator", "coordinator/penstock-coordinator"),
            ("penstock", "coordinator/cli/penstock"),
            ("penstock-worker", worker)):
        if not (programs / name).exists():
            shutil.copy(workspace / path, programs / name)
    return programs


PROGRAMS = find_programs()
FINAL = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED")


def environment():
    """Of the programs; $PENSTOCK_LIBRARY_PATH is where they find libraries that
    this interpreter must not."""
    if "PENSTOCK_LIBRARY_PATH" not in os.environ:
        return None
    return {**os.environ,
            "LD_LIBRARY_PATH": os.environ["PENSTOCK_LIBRARY_PATH"]}


class CommandError(Exception):
    """A command that ended with another code than 0."""

    def __init__(self, arguments, done):
        super().__init__(f"penstock {' '.join(arguments)}: exit code "
                         f"{done.returncode}: {done.stdout}{done.stderr}")
        self.code = done.returncode
        self.stderr = done.stderr


class Cluster:
    """`with Cluster(workers=2) as cluster:` starts it and ends it."""

    def __init__(self, workers, poll_seconds=0.0, up=()):
        """Asking after a job costs a process; who measures asks seldom.
        `up` are more arguments of the command that starts the cluster."""
        self.workers = workers
        self.up = up
        self.poll_seconds = poll_seconds
        self.directory = tempfile.TemporaryDirectory(prefix="penstock-")
        self.path = Path(self.directory.name)
        self.state = self.path / "state"

    def __enter__(self):
        self.run("up", "--workers", str(self.workers), *self.up)
        return self

    def __exit__(self, *_):
        self.run("down")
        self.directory.cleanup()

    def run(self, *arguments):
        """A command about this cluster; its output."""
        return self.run_local(*arguments, "--state-dir", str(self.state))

    def run_local(self, *arguments):
        done = subprocess.run([str(PROGRAMS / "penstock"), *arguments],
                              cwd=self.path, capture_output=True, text=True,
                              timeout=300, env=environment())
        if done.returncode != 0:
            raise CommandError(arguments, done)
        return done.stdout

    def submit(self, name, spec):
        path = self.path / f"{name}.json"
        path.write_text(json.dumps({"name": name, **spec}))
        return self.run("job", "submit", "-f", str(path))

    def job(self, name):
        return json.loads(self.run("job", "get", name, "-o", "json"))

    def metrics(self, name):
        lines = self.run("job", "metrics", name, "-o", "jsonl").splitlines()
        return [json.loads(line) for line in lines]

    def wait(self, name, condition, seconds=120):
        """The job, once `condition` of it holds."""
        deadline = time.monotonic() + seconds
        while True:
            job = self.job(name)
            if condition(job):
                return job
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is {job['state']}: {job['reason']}")
            time.sleep(self.poll_seconds)

    def wait_for_end(self, name, seconds=300):
        return self.wait(name, lambda job: job["state"] in FINAL, seconds)

    def train(self, name, spec):
        """Runs a job to its success; (metrics by step, the job at its end)."""
        self.submit(name, spec)
        peaks = {}

        def watch(job):
            for rank in job.get("ranks", []):
                key = (rank.get("replica", 0), rank.get("rank", 0))
                peaks[key] = max(peaks.get(key, 0),
                                 int(rank.get("resident_bytes_peak", 0)))
            return job["state"] in FINAL

        job = self.wait(name, watch, seconds=600)
        if job["state"] != "JOB_STATE_SUCCEEDED":
            raise RuntimeError(f"{name}: {job['reason']}")
        job["peak_bytes"] = [peaks[key] for key in sorted(peaks)]
        return self.metrics(name), job

    def pids(self):
        """Process ids by directory name: coordinator, worker-0, ..."""
        return {path.parent.name: int(path.read_text())
                for path in self.state.glob("*/lock")}


def machine():
    model = subprocess.run(["sh", "-c", "grep -m1 'model name' /proc/cpuinfo"],
                           capture_output=True, text=True).stdout
    return f"{os.cpu_count()} x {model.split(':')[-1].strip()}"
