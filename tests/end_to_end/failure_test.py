#!/usr/bin/env python3
"""kill -9 of each kind of process in the middle of a job."""

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from end_to_end import PROGRAMS, Cluster, main, prepare_text, spec

STEPS = 1500


def kill(pid):
    """kill -9, and the time that the kernel takes to release its locks."""
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except FileNotFoundError:
            return
        if status.rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)
    raise TimeoutError(f"process {pid} survives kill -9")


class FailureTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster(workers=3)
        self.cluster.__enter__()
        self.addCleanup(self.cluster.__exit__)
        prepare_text(self.cluster)

    def start_job(self, steps=STEPS):
        self.cluster.submit("victim", spec(steps=steps,
                                           checkpoint={"every_steps": 20}))
        return self.cluster.wait("victim",
                                 lambda j: int(j.get("step", 0)) >= 30)

    def assert_ends_as_if_nothing_had_happened(self, steps=STEPS):
        job = self.cluster.wait_for_end("victim")
        self.assertEqual(job["state"], "JOB_STATE_SUCCEEDED", job["reason"])
        _, whole = self.cluster.train("whole", spec(steps=steps))
        hashes = [self.cluster.run_local("checkpoint", "hash", j["checkpoint"])
                  for j in (job, whole)]
        self.assertEqual(hashes[0], hashes[1])
        steps_seen = [m["step"] for m in self.cluster.metrics("victim")]
        self.assertEqual(steps_seen, list(range(1, steps + 1)))
        return job

    def test_a_killed_executor_is_replaced(self):
        self.start_job()
        worker = self.cluster.pids()["worker-0"]
        children = subprocess.run(["pgrep", "-P", str(worker)],
                                  capture_output=True, text=True).stdout.split()
        if not children:
            worker = self.cluster.pids()["worker-1"]
            children = subprocess.run(
                ["pgrep", "-P", str(worker)], capture_output=True,
                text=True).stdout.split()
        os.kill(int(children[0]), signal.SIGKILL)
        job = self.assert_ends_as_if_nothing_had_happened()
        self.assertGreaterEqual(int(job["recoveries"]), 1)

    def kill_between_reports(self, pid):
        """kill -9 of the leader's worker when there is a checkpoint with steps
        that the coordinator has not heard of."""
        os.kill(pid, signal.SIGSTOP)
        try:
            self.cluster.wait("victim", lambda _: self.newest_checkpoint() >
                              self.cluster.metrics("victim")[-1]["step"])
        finally:
            os.kill(pid, signal.SIGKILL)

    def newest_checkpoint(self):
        directory = self.cluster.state / "coordinator/checkpoints/victim"
        return max(int(name.removeprefix("step-"))
                   for name in os.listdir(directory)
                   if name.startswith("step-"))

    def test_a_killed_worker_takes_its_executor_with_it_and_is_replaced(self):
        job = self.start_job()
        victim = job["ranks"][0]["worker"]
        self.kill_between_reports(self.cluster.pids()[victim])
        job = self.assert_ends_as_if_nothing_had_happened()
        self.assertGreaterEqual(int(job["recoveries"]), 1)

    def test_training_goes_on_without_its_coordinator(self):
        self.start_job(steps=4000)
        address = (self.cluster.state / "coordinator" / "address").read_text()
        kill(self.cluster.pids()["coordinator"])
        coordinator = subprocess.Popen(
            [str(PROGRAMS / "penstock-coordinator"), "--state-dir",
             str(self.cluster.state / "coordinator"), "--listen",
             address.strip(), "--root", str(self.cluster.path)],
            stderr=subprocess.DEVNULL)
        self.addCleanup(coordinator.wait, 30)
        self.addCleanup(coordinator.terminate)
        job = self.cluster.wait("victim", lambda j: j["state"] ==
                                "JOB_STATE_RUNNING")
        job = self.assert_ends_as_if_nothing_had_happened(steps=4000)
        self.assertEqual(int(job.get("recoveries", 0)), 0)
        self.assertEqual(int(job["epoch"]), 1)


if __name__ == "__main__":
    main()
